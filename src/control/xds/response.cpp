#include "control/xds/response.hpp"

#include "control/xds/convert.hpp"

#include "proto/authorization.pb.h"
#include "proto/discovery.pb.h"
#include "proto/workload.pb.h"

#include <utility>

namespace culvert::control {
namespace {

namespace discovery = envoy::service::discovery::v3;

// Adds one Address to the update; the name that a resource without one would have.
Result<std::string> add_address(const std::string& bytes, state::Update& update) {
  istio::workload::Address address;
  if (!address.ParseFromString(bytes)) return fail(Errc::protocol, "cannot be decoded");
  if (address.has_workload()) {
    auto workload = to_workload(address.workload());
    if (!workload) return workload.error();
    update.workloads.push_back(std::move(*workload));
    return update.workloads.back().uid.str();
  }
  if (!address.has_service()) return fail(Errc::invalid, "neither workload nor service");
  auto service = to_service(address.service());
  if (!service) return service.error();
  update.services.push_back(std::move(*service));
  return update.services.back().key().to_string();
}

Result<std::string> add_policy(const std::string& name, const std::string& bytes,
                               XdsResponse& out) {
  istio::security::Authorization policy;
  if (!policy.ParseFromString(bytes)) return fail(Errc::protocol, "cannot be decoded");
  auto converted = to_policy(name, policy);
  if (!converted) {
    if (auto instead = to_stand_in(name, policy)) out.stand_ins.push_back(*std::move(instead));
    return converted.error();
  }
  out.update.policies.push_back(std::move(*converted));
  return name;
}

Result<std::string> add(const discovery::Resource& resource, XdsResponse& out) {
  if (!resource.has_resource()) return fail(Errc::invalid, "empty");
  if (resource.resource().type_url() != out.type_url)
    return fail(Errc::invalid, "is of type " + resource.resource().type_url());
  const auto& bytes = resource.resource().value();
  return out.type_url == kAddressType ? add_address(bytes, out.update)
                                      : add_policy(resource.name(), bytes, out);
}

void decode_resource(discovery::Resource& resource, XdsResponse& out) {
  out.payload_bytes += resource.resource().value().size();
  auto added = add(resource, out);
  if (!added) {
    out.rejected.push_back(resource.name() + ": " + added.error().detail);
    out.refused.emplace_back(resource.name());
  } else {
    const auto& name = resource.name().empty() ? *added : resource.name();
    out.accepted.emplace_back(Name(name), std::move(*resource.mutable_version()));
  }
  resource.clear_resource();
}

}  // namespace

XdsResponse decode_response(discovery::DeltaDiscoveryResponse& in) {
  XdsResponse out;
  out.type_url = std::move(*in.mutable_type_url());
  out.nonce = std::move(*in.mutable_nonce());
  if (out.type_url != kAddressType && out.type_url != kAuthorizationType) {
    out.foreign = true;
    return out;
  }
  out.accepted.reserve(static_cast<std::size_t>(in.resources_size()));
  for (auto& resource : *in.mutable_resources()) decode_resource(resource, out);
  auto& removed =
      out.type_url == kAddressType ? out.update.removed_addresses : out.update.removed_policies;
  for (auto& name : *in.mutable_removed_resources()) {
    out.removed.emplace_back(name);
    removed.push_back(std::move(name));
  }
  return out;
}

}  // namespace culvert::control
