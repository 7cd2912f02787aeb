#include "control/server/status.hpp"

#include <grpcpp/support/status.h>

#include <array>
#include <string>

namespace culvert::control {
namespace {

// By number, as in google/rpc/code.proto.
constexpr std::array kNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

Errc kind(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Errc::timed_out;
    case grpc::StatusCode::UNAVAILABLE:
      return Errc::unavailable;
    case grpc::StatusCode::CANCELLED:
      return Errc::cancelled;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Errc::refused;
    default:
      return Errc::protocol;
  }
}

}  // namespace

Error to_error(const grpc::Status& status, std::string_view who) {
  const auto number = static_cast<std::size_t>(status.error_code());
  const std::string name = number < kNames.size() ? kNames[number] : std::to_string(number);
  return fail(kind(status.error_code()),
              std::string(who) + ": " + name + ": " + status.error_message());
}

}  // namespace culvert::control
