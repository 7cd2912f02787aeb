#include "control/xds/convert.hpp"
#include "control/xds/fields.hpp"

#include "proto/workload.pb.h"

#include <algorithm>
#include <utility>

namespace culvert::control {
namespace {

namespace wire = istio::workload;

// What the control plane leaves out.
constexpr std::string_view kTrustDomain = "cluster.local";
constexpr std::string_view kServiceAccount = "default";
constexpr std::string_view kCluster = "Kubernetes";

Name named(const std::string& value, std::string_view otherwise) {
  return Name(value.empty() ? otherwise : std::string_view(value));
}

// Only telemetry: an unknown type is no reason to refuse the workload.
state::WorkloadType to_type(wire::WorkloadType in) {
  switch (in) {
    case wire::CRONJOB:
      return state::WorkloadType::cronjob;
    case wire::POD:
      return state::WorkloadType::pod;
    case wire::JOB:
      return state::WorkloadType::job;
    default:
      return state::WorkloadType::deployment;
  }
}

Result<void> set_enums(const wire::Workload& in, state::Workload& out) {
  switch (in.tunnel_protocol()) {
    case wire::NONE:
      out.protocol = state::Protocol::tcp;
      break;
    case wire::HBONE:
      out.protocol = state::Protocol::hbone;
      break;
    default:
      return bad_field("tunnel_protocol",
                       std::to_string(in.tunnel_protocol()) + " is not supported");
  }
  if (!wire::WorkloadStatus_IsValid(in.status()))
    return bad_field("status", std::to_string(in.status()) + " is unknown");
  out.status =
      in.status() == wire::HEALTHY ? state::HealthStatus::healthy : state::HealthStatus::unhealthy;
  if (!wire::NetworkMode_IsValid(in.network_mode()))
    return bad_field("network_mode", std::to_string(in.network_mode()) + " is unknown");
  out.network_mode = in.network_mode() == wire::STANDARD ? state::NetworkMode::standard
                                                         : state::NetworkMode::host_network;
  out.workload_type = to_type(in.workload_type());
  return {};
}

Result<void> set_gateways(const wire::Workload& in, state::Workload& out) {
  if (in.has_waypoint()) {
    auto waypoint = to_gateway("waypoint", in.waypoint());
    if (!waypoint) return waypoint.error();
    out.waypoint = std::move(*waypoint);
  }
  if (in.has_network_gateway()) {
    auto gateway = to_gateway("network_gateway", in.network_gateway());
    if (!gateway) return gateway.error();
    out.network_gateway = std::move(*gateway);
  }
  if (!in.has_application_tunnel()) return {};
  const auto& tunnel = in.application_tunnel();
  if (!wire::ApplicationTunnel::Protocol_IsValid(tunnel.protocol()))
    return bad_field("application_tunnel", std::to_string(tunnel.protocol()) + " is unknown");
  const auto port = to_port("application_tunnel", tunnel.port());
  if (!port) return port.error();
  using Protocol = state::ApplicationTunnel::Protocol;
  const bool proxy = tunnel.protocol() == wire::ApplicationTunnel::PROXY;
  out.application_tunnel =
      state::ApplicationTunnel{proxy ? Protocol::proxy : Protocol::none, *port};
  return {};
}

Result<state::Membership> to_membership(const std::string& key, const wire::PortList& ports) {
  auto service = state::NamespacedHostname::parse(key);
  if (!service) return bad_field("services", "\"" + key + "\" is no namespace/hostname");
  state::Membership out;
  out.service = std::move(*service);
  for (const auto& port : ports.ports()) {
    const auto from = to_port("services", port.service_port());
    if (!from) return from.error();
    const auto to = to_port("services", port.target_port());
    if (!to) return to.error();
    out.ports.set(*from, *to);
  }
  return out;
}

Result<void> set_lists(const wire::Workload& in, state::Workload& out) {
  for (const auto& raw : in.addresses()) {
    const auto ip = to_ip("addresses", raw);
    if (!ip) return ip.error();
    out.addresses.push_back(*ip);
  }
  out.services.reserve(static_cast<std::size_t>(in.services().size()));
  for (const auto& [key, ports] : in.services()) {
    auto membership = to_membership(key, ports);
    if (!membership) return membership.error();
    out.services.push_back(std::move(*membership));
  }
  // The wire's map has no order; a fixed one lets equal workloads compare equal.
  std::sort(out.services.begin(), out.services.end(), [](const auto& a, const auto& b) {
    if (a.service.namespace_ != b.service.namespace_)
      return a.service.namespace_ < b.service.namespace_;
    return a.service.hostname < b.service.hostname;
  });
  for (const auto& policy : in.authorization_policies())
    out.authorization_policies.emplace_back(policy);
  return {};
}

void set_names(const wire::Workload& in, state::Workload& out) {
  out.uid = Name(in.uid());
  out.name = Name(in.name());
  out.namespace_ = Name(in.namespace_());
  out.hostname = Name(in.hostname());
  out.network = Name(in.network());
  out.trust_domain = named(in.trust_domain(), kTrustDomain);
  out.service_account = named(in.service_account(), kServiceAccount);
  out.cluster_id = named(in.cluster_id(), kCluster);
  out.node = Name(in.node());
  out.workload_name = Name(in.workload_name());
  out.canonical_name = Name(in.canonical_name());
  out.canonical_revision = Name(in.canonical_revision());
  out.locality = {Name(in.locality().region()), Name(in.locality().zone()),
                  Name(in.locality().subzone())};
  out.native_tunnel = in.native_tunnel();
  out.capacity = in.has_capacity() ? in.capacity().value() : 1;
}

}  // namespace

Result<state::Workload> to_workload(const wire::Workload& in) {
  if (in.uid().empty()) return bad_field("uid", "missing");
  state::Workload out;
  set_names(in, out);
  if (auto set = set_enums(in, out); !set) return set.error();
  if (auto set = set_gateways(in, out); !set) return set.error();
  if (auto set = set_lists(in, out); !set) return set.error();
  return out;
}

}  // namespace culvert::control
