#include "authority/encode.hpp"
#include "authority/wire.hpp"

#include "proto/workload.pb.h"

namespace culvert::authority {
namespace {

namespace pb = istio::workload;

std::string text(const Name& name) { return name.str(); }
std::string raw(const IpAddress& ip) { return std::string(as_text(ip.bytes())); }

void put(const state::NetworkAddress& from, pb::NetworkAddress& to) {
  to.set_network(text(from.network));
  to.set_address(raw(from.ip));
}

void put(const state::GatewayAddress& from, pb::GatewayAddress& to) {
  to.set_hbone_mtls_port(from.hbone_mtls_port);
  if (const auto* address = std::get_if<state::NetworkAddress>(&from.destination))
    return put(*address, *to.mutable_address());
  const auto& host = std::get<state::NamespacedHostname>(from.destination);
  to.mutable_hostname()->set_namespace_(text(host.namespace_));
  to.mutable_hostname()->set_hostname(text(host.hostname));
}

void put(std::uint16_t service_port, std::uint16_t target_port, pb::Port& to) {
  to.set_service_port(service_port);
  to.set_target_port(target_port);
}

pb::WorkloadType type(state::WorkloadType from) {
  switch (from) {
    case state::WorkloadType::deployment:
      return pb::DEPLOYMENT;
    case state::WorkloadType::cronjob:
      return pb::CRONJOB;
    case state::WorkloadType::pod:
      return pb::POD;
    case state::WorkloadType::job:
      return pb::JOB;
  }
  return pb::DEPLOYMENT;
}

pb::LoadBalancing::Scope scope(state::Scope from) {
  switch (from) {
    case state::Scope::region:
      return pb::LoadBalancing::REGION;
    case state::Scope::zone:
      return pb::LoadBalancing::ZONE;
    case state::Scope::subzone:
      return pb::LoadBalancing::SUBZONE;
    case state::Scope::node:
      return pb::LoadBalancing::NODE;
    case state::Scope::cluster:
      return pb::LoadBalancing::CLUSTER;
    case state::Scope::network:
      return pb::LoadBalancing::NETWORK;
  }
  return pb::LoadBalancing::UNSPECIFIED_SCOPE;
}

pb::LoadBalancing::Mode mode(state::LoadBalancing::Mode from) {
  switch (from) {
    case state::LoadBalancing::Mode::standard:
      return pb::LoadBalancing::UNSPECIFIED_MODE;
    case state::LoadBalancing::Mode::strict:
      return pb::LoadBalancing::STRICT;
    case state::LoadBalancing::Mode::failover:
      return pb::LoadBalancing::FAILOVER;
    case state::LoadBalancing::Mode::passthrough:
      return pb::LoadBalancing::PASSTHROUGH;
  }
  return pb::LoadBalancing::UNSPECIFIED_MODE;
}

pb::IPFamilies families(state::IpFamilies from) {
  switch (from) {
    case state::IpFamilies::automatic:
      return pb::AUTOMATIC;
    case state::IpFamilies::ipv4_only:
      return pb::IPV4_ONLY;
    case state::IpFamilies::ipv6_only:
      return pb::IPV6_ONLY;
    case state::IpFamilies::dual:
      return pb::DUAL;
  }
  return pb::AUTOMATIC;
}

void put_who(const state::Workload& from, pb::Workload& to) {
  to.set_uid(text(from.uid));
  to.set_name(text(from.name));
  to.set_namespace_(text(from.namespace_));
  to.set_trust_domain(text(from.trust_domain));
  to.set_service_account(text(from.service_account));
  to.set_node(text(from.node));
  to.set_cluster_id(text(from.cluster_id));
  to.set_workload_name(text(from.workload_name));
  to.set_workload_type(type(from.workload_type));
  to.set_canonical_name(text(from.canonical_name));
  to.set_canonical_revision(text(from.canonical_revision));
  if (from.locality.empty()) return;
  to.mutable_locality()->set_region(text(from.locality.region));
  to.mutable_locality()->set_zone(text(from.locality.zone));
  to.mutable_locality()->set_subzone(text(from.locality.subzone));
}

void put_where(const state::Workload& from, pb::Workload& to) {
  for (const auto& ip : from.addresses) to.add_addresses(raw(ip));
  to.set_hostname(text(from.hostname));
  to.set_network(text(from.network));
  const bool hbone = from.protocol == state::Protocol::hbone;
  to.set_tunnel_protocol(hbone ? pb::HBONE : pb::NONE);
  const bool host = from.network_mode == state::NetworkMode::host_network;
  to.set_network_mode(host ? pb::HOST_NETWORK : pb::STANDARD);
  const bool unhealthy = from.status == state::HealthStatus::unhealthy;
  to.set_status(unhealthy ? pb::UNHEALTHY : pb::HEALTHY);
  to.set_native_tunnel(from.native_tunnel);
  if (from.capacity != 1) to.mutable_capacity()->set_value(from.capacity);  // absent means 1
  if (from.waypoint) put(*from.waypoint, *to.mutable_waypoint());
  if (from.network_gateway) put(*from.network_gateway, *to.mutable_network_gateway());
  if (!from.application_tunnel) return;
  const bool proxy = from.application_tunnel->protocol == state::ApplicationTunnel::Protocol::proxy;
  to.mutable_application_tunnel()->set_protocol(proxy ? pb::ApplicationTunnel::PROXY
                                                      : pb::ApplicationTunnel::NONE);
  to.mutable_application_tunnel()->set_port(from.application_tunnel->port);
}

void put_load_balancing(const state::LoadBalancing& from, pb::LoadBalancing& to) {
  for (const auto step : from.routing_preference) to.add_routing_preference(scope(step));
  to.set_mode(mode(from.mode));
  const bool all = from.health_policy == state::LoadBalancing::HealthPolicy::allow_all;
  to.set_health_policy(all ? pb::LoadBalancing::ALLOW_ALL : pb::LoadBalancing::ONLY_HEALTHY);
}

}  // namespace

std::string encode(const state::Workload& workload) {
  pb::Address address;
  auto& to = *address.mutable_workload();
  put_who(workload, to);
  put_where(workload, to);
  for (const auto& membership : workload.services) {
    auto& ports = (*to.mutable_services())[membership.service.to_string()];
    for (const auto& [service, target] : membership.ports) put(service, target, *ports.add_ports());
  }
  for (const auto& name : workload.authorization_policies)
    to.add_authorization_policies(text(name));
  return serialize(address);
}

std::string encode(const state::Service& service) {
  pb::Address address;
  auto& to = *address.mutable_service();
  to.set_name(text(service.name));
  to.set_namespace_(text(service.namespace_));
  to.set_hostname(text(service.hostname));
  for (const auto& vip : service.vips) put(vip, *to.add_addresses());
  for (const auto& vip : service.cidr_vips) {
    auto& range = *to.add_addresses();
    put(state::NetworkAddress{vip.network, vip.prefix.base()}, range);
    range.set_length(vip.prefix.length());
  }
  for (const auto& [port, target] : service.ports) put(port, target, *to.add_ports());
  for (const auto& name : service.subject_alt_names) to.add_subject_alt_names(name);
  if (service.waypoint) put(*service.waypoint, *to.mutable_waypoint());
  for (const auto& weighted : service.weighted_waypoints) {
    auto& one = *to.add_weighted_waypoints();
    put(weighted.destination, *one.mutable_destination());
    one.set_weight(weighted.weight);
  }
  if (service.load_balancing)
    put_load_balancing(*service.load_balancing, *to.mutable_load_balancing());
  to.set_ip_families(families(service.ip_families));
  to.set_canonical(service.canonical);
  const bool own_namespace_only = service.visibility == state::Visibility::namespace_;
  to.set_visibility(own_namespace_only ? pb::Service::NAMESPACE : pb::Service::PUBLIC);
  return serialize(address);
}

}  // namespace culvert::authority
