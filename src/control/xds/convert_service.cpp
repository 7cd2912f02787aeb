#include "control/xds/convert.hpp"
#include "control/xds/fields.hpp"

#include "proto/workload.pb.h"

#include <optional>
#include <utility>

namespace culvert::control {
namespace {

namespace wire = istio::workload;

std::optional<state::Scope> to_scope(int in) {
  switch (in) {
    case wire::LoadBalancing::REGION:
      return state::Scope::region;
    case wire::LoadBalancing::ZONE:
      return state::Scope::zone;
    case wire::LoadBalancing::SUBZONE:
      return state::Scope::subzone;
    case wire::LoadBalancing::NODE:
      return state::Scope::node;
    case wire::LoadBalancing::CLUSTER:
      return state::Scope::cluster;
    case wire::LoadBalancing::NETWORK:
      return state::Scope::network;
    default:
      return std::nullopt;
  }
}

std::optional<state::LoadBalancing::Mode> to_mode(int in) {
  using Mode = state::LoadBalancing::Mode;
  switch (in) {
    case wire::LoadBalancing::UNSPECIFIED_MODE:
      return Mode::standard;
    case wire::LoadBalancing::STRICT:
      return Mode::strict;
    case wire::LoadBalancing::FAILOVER:
      return Mode::failover;
    case wire::LoadBalancing::PASSTHROUGH:
      return Mode::passthrough;
    default:
      return std::nullopt;
  }
}

Result<state::LoadBalancing> to_load_balancing(const wire::LoadBalancing& in) {
  state::LoadBalancing out;
  for (const int value : in.routing_preference()) {
    const auto scope = to_scope(value);
    if (!scope)
      return bad_field("load_balancing", "scope " + std::to_string(value) + " is unknown");
    out.routing_preference.push_back(*scope);
  }
  const auto mode = to_mode(in.mode());
  if (!mode)
    return bad_field("load_balancing", "mode " + std::to_string(in.mode()) + " is unknown");
  out.mode = *mode;
  if (!wire::LoadBalancing::HealthPolicy_IsValid(in.health_policy()))
    return bad_field("load_balancing",
                     "health policy " + std::to_string(in.health_policy()) + " is unknown");
  using Policy = state::LoadBalancing::HealthPolicy;
  out.health_policy = in.health_policy() == wire::LoadBalancing::ALLOW_ALL ? Policy::allow_all
                                                                           : Policy::only_healthy;
  return out;
}

Result<void> set_addresses(const wire::Service& in, state::Service& out) {
  for (const auto& address : in.addresses()) {
    if (address.has_length()) {
      auto prefix = to_prefix("addresses", address.address(), address.length());
      if (!prefix) return prefix.error();
      // A range of one address is an exact one: it competes with those.
      if (prefix->length() == prefix->base().bits())
        out.vips.push_back({Name(address.network()), prefix->base()});
      else
        out.cidr_vips.push_back({Name(address.network()), *prefix});
      continue;
    }
    const auto ip = to_ip("addresses", address.address());
    if (!ip) return ip.error();
    out.vips.push_back({Name(address.network()), *ip});
  }
  return {};
}

Result<void> set_ports(const wire::Service& in, state::Service& out) {
  for (const auto& port : in.ports()) {
    const auto from = to_port("ports", port.service_port());
    if (!from) return from.error();
    const auto to = to_port("ports", port.target_port());
    if (!to) return to.error();
    out.ports.set(*from, *to);
  }
  return {};
}

Result<void> set_waypoints(const wire::Service& in, state::Service& out) {
  if (in.has_waypoint()) {
    auto waypoint = to_gateway("waypoint", in.waypoint());
    if (!waypoint) return waypoint.error();
    out.waypoint = std::move(*waypoint);
  }
  for (const auto& weighted : in.weighted_waypoints()) {
    auto waypoint = to_gateway("weighted_waypoints", weighted.destination());
    if (!waypoint) return waypoint.error();
    out.weighted_waypoints.push_back({std::move(*waypoint), weighted.weight()});
  }
  return {};
}

Result<void> set_options(const wire::Service& in, state::Service& out) {
  if (in.has_load_balancing()) {
    auto balancing = to_load_balancing(in.load_balancing());
    if (!balancing) return balancing.error();
    out.load_balancing = std::move(*balancing);
  }
  switch (in.ip_families()) {
    case wire::AUTOMATIC:
      out.ip_families = state::IpFamilies::automatic;
      break;
    case wire::IPV4_ONLY:
      out.ip_families = state::IpFamilies::ipv4_only;
      break;
    case wire::IPV6_ONLY:
      out.ip_families = state::IpFamilies::ipv6_only;
      break;
    case wire::DUAL:
      out.ip_families = state::IpFamilies::dual;
      break;
    default:
      return bad_field("ip_families", std::to_string(in.ip_families()) + " is unknown");
  }
  // What is unknown here is public, as with the reference ztunnel: hiding a service would break
  // its clients, and visibility is no access control.
  out.visibility = in.visibility() == wire::Service::NAMESPACE ? state::Visibility::namespace_
                                                               : state::Visibility::public_;
  return {};
}

}  // namespace

Result<state::Service> to_service(const wire::Service& in) {
  auto key = to_hostname("hostname", in.namespace_(), in.hostname());
  if (!key) return key.error();
  state::Service out;
  out.name = Name(in.name());
  out.namespace_ = key->namespace_;
  out.hostname = key->hostname;
  out.subject_alt_names.assign(in.subject_alt_names().begin(), in.subject_alt_names().end());
  out.canonical = in.canonical();
  if (auto set = set_addresses(in, out); !set) return set.error();
  if (auto set = set_ports(in, out); !set) return set.error();
  if (auto set = set_waypoints(in, out); !set) return set.error();
  if (auto set = set_options(in, out); !set) return set.error();
  return out;
}

}  // namespace culvert::control
