// Whatever the control plane sends: decoding, conversion, versions, answer. Nothing may crash, and
// every resource is either accepted or rejected.
#include "control/xds/response.hpp"
#include "control/xds/subscriptions.hpp"

#include "proto/discovery.pb.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert::control;
  envoy::service::discovery::v3::DeltaDiscoveryResponse response;
  if (!response.ParseFromArray(data, static_cast<int>(size))) return 0;
  // Two in three inputs would otherwise die at the type.
  if (response.type_url() == "a") response.set_type_url(std::string(kAddressType));
  if (response.type_url() == "p") response.set_type_url(std::string(kAuthorizationType));
  const bool known =
      response.type_url() == kAddressType || response.type_url() == kAuthorizationType;
  for (auto& resource : *response.mutable_resources())
    if (resource.resource().type_url().size() == 1)
      resource.mutable_resource()->set_type_url(response.type_url());
  const auto count = static_cast<std::size_t>(response.resources_size());
  const auto decoded = decode_response(response);
  if (known && decoded.accepted.size() + decoded.rejected.size() != count) std::abort();
  auto subscriptions = XdsSubscriptions::make({});
  const auto answer = subscriptions->answer(decoded);
  if (answer.has_error_detail() == decoded.rejected.empty()) std::abort();
  if (subscriptions->initial().size() != 2) std::abort();
  return 0;
}
