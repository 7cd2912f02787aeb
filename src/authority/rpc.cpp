#include "authority/rpc.hpp"

namespace culvert::authority {

std::string authorization_of(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  if (metadata.count("authorization") != 1) return {};
  const auto& value = metadata.find("authorization")->second;
  return std::string(value.data(), value.size());
}

grpc::Status to_status(const Error& error) {
  switch (error.code) {
    case Errc::invalid:
      return {grpc::StatusCode::INVALID_ARGUMENT, error.detail};
    case Errc::identity:
      return {grpc::StatusCode::UNAUTHENTICATED, error.detail};
    case Errc::denied:
      return {grpc::StatusCode::PERMISSION_DENIED, error.detail};
    case Errc::limit:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, error.detail};
    case Errc::unavailable:
    case Errc::cancelled:
      return {grpc::StatusCode::UNAVAILABLE, error.detail};
    default:
      return {grpc::StatusCode::INTERNAL, error.detail};
  }
}

}  // namespace culvert::authority
