// Responses as an xDS server makes them.
#pragma once

#include "control/xds/response.hpp"

#include "proto/authorization.pb.h"
#include "proto/discovery.pb.h"
#include "proto/workload.pb.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace culvert::control::test {

using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

inline Response response_of(std::string_view type, const std::string& nonce) {
  Response out;
  out.set_type_url(std::string(type));
  out.set_nonce(nonce);
  return out;
}

inline void add_workload(Response& response, const std::string& uid, const std::string& version,
                         const std::string& address = "\x01\x02\x03\x04") {
  istio::workload::Address message;
  message.mutable_workload()->set_uid(uid);
  message.mutable_workload()->add_addresses(address);
  auto* resource = response.add_resources();
  resource->set_name(uid);
  resource->set_version(version);
  resource->mutable_resource()->set_type_url(std::string(kAddressType));
  resource->mutable_resource()->set_value(message.SerializeAsString());
}

// An ALLOW policy for one port; one above 65535 cannot be read.
inline void add_policy(Response& response, const std::string& name, const std::string& version,
                       std::uint32_t port = 80,
                       istio::security::Scope scope = istio::security::NAMESPACE) {
  istio::security::Authorization policy;
  policy.set_scope(scope);
  policy.add_rules()->add_clauses()->add_matches()->add_destination_ports(port);
  auto* resource = response.add_resources();
  resource->set_name(name);
  resource->set_version(version);
  resource->mutable_resource()->set_type_url(std::string(kAuthorizationType));
  resource->mutable_resource()->set_value(policy.SerializeAsString());
}
inline constexpr std::uint32_t kBadPort = 70'000;

}  // namespace culvert::control::test
