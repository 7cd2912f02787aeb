// Whatever the control plane sends: decoding, conversion, versions, answer. Nothing may crash,
// every resource is either accepted or rejected, and a client that held something else and asked
// for everything ends with the same as a new one.
#include "control/xds/response.hpp"
#include "control/xds/subscriptions.hpp"

#include "proto/authorization.pb.h"
#include "proto/discovery.pb.h"
#include "proto/workload.pb.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace {

using namespace culvert::control;
using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

void require(bool condition) {
  if (!condition) std::abort();
}

// As the client does with each response, without applying it.
void take(XdsSubscriptions& subscriptions, Response response, bool known) {
  const auto count = static_cast<std::size_t>(response.resources_size());
  auto decoded = decode_response(response);
  require(!known || decoded.accepted.size() + decoded.rejected.size() == count);
  subscriptions.complete(decoded);
  require(decoded.update.policies.size() >= decoded.stand_ins.size());
  const auto answer = subscriptions.answer(decoded);
  require(answer.has_error_detail() != decoded.rejected.empty());
}

// One good resource whose name alone makes a request too large.
Response large_one(const std::string& type) {
  istio::workload::Address address;
  address.mutable_workload()->set_uid("uid");
  const istio::security::Authorization policy;
  Response response;
  response.set_type_url(type);
  auto* resource = response.add_resources();
  resource->set_name(std::string(XdsSubscriptions::kLarge, 'x'));
  resource->set_version("v");
  resource->mutable_resource()->set_type_url(type);
  resource->mutable_resource()->set_value(type == kAddressType ? address.SerializeAsString()
                                                               : policy.SerializeAsString());
  return response;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Response response;
  if (!response.ParseFromArray(data, static_cast<int>(size))) return 0;
  // Two in three inputs would otherwise die at the type.
  if (response.type_url() == "a") response.set_type_url(std::string(kAddressType));
  if (response.type_url() == "p") response.set_type_url(std::string(kAuthorizationType));
  const bool known =
      response.type_url() == kAddressType || response.type_url() == kAuthorizationType;
  for (auto& resource : *response.mutable_resources())
    if (resource.resource().type_url().size() == 1)
      resource.mutable_resource()->set_type_url(response.type_url());

  auto fresh = XdsSubscriptions::make({});
  require(fresh->initial().size() == 2);
  take(*fresh, response, known);
  if (!known) return 0;
  auto other = XdsSubscriptions::make({});
  take(*other, large_one(response.type_url()), known);
  other->initial();
  other->on_too_large();
  other->initial();
  take(*other, std::move(response), known);
  require(other->held() == fresh->held());
  return 0;
}
