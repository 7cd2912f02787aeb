#include "state/gateway.hpp"

namespace culvert::state {

namespace {

const NetworkAddress* address_of(const GatewayAddress& reference) {
  return std::get_if<NetworkAddress>(&reference.destination);
}
const NamespacedHostname* hostname_of(const GatewayAddress& reference) {
  return std::get_if<NamespacedHostname>(&reference.destination);
}

}  // namespace

Upstream balance(const View& view, const Workload& source, const ServicePtr& service,
                 const SocketAddress& wanted, Purpose purpose, Random& random) {
  Upstream upstream;
  upstream.service = service;
  const EndpointSet* endpoints = view.endpoints(service->key());
  if (endpoints == nullptr) return upstream;
  const BalanceRequest request{source, *service, *endpoints, wanted.port, purpose};
  const Endpoint* endpoint = pick_endpoint(request, random);
  if (endpoint == nullptr) return upstream;
  upstream.workload = endpoint->workload;
  // Present: only endpoints with a target port are picked.
  upstream.port = target_port(request, *endpoint).value_or(0);
  upstream.ip = choose_address(*endpoint->workload, wanted.ip, service->ip_families);
  return upstream;
}

Upstream straight_to(const WorkloadPtr& workload, const SocketAddress& wanted) {
  return {workload, nullptr, wanted.port,
          choose_address(*workload, wanted.ip, IpFamilies::automatic)};
}

const GatewayAddress* waypoint_of(const Service& service, Random& random) {
  std::uint64_t total = 0;
  for (const WeightedWaypoint& w : service.weighted_waypoints) total += w.weight;
  if (total != 0) {
    std::uint64_t ticket = random.below(total);
    for (const WeightedWaypoint& w : service.weighted_waypoints) {
      if (ticket < w.weight) return &w.destination;
      ticket -= w.weight;
    }
  }
  return service.waypoint ? &*service.waypoint : nullptr;
}

std::optional<Upstream> resolve_waypoint(const View& view, const Workload& source,
                                         const GatewayAddress& reference, const IpAddress& wanted,
                                         Random& random) {
  const std::uint16_t port = reference.hbone_mtls_port;
  ServicePtr service;
  WorkloadPtr workload;
  SocketAddress target{wanted, port};
  if (const NetworkAddress* address = address_of(reference); address != nullptr) {
    target.ip = address->ip;
    service = view.find_service_by_vip(address->network, address->ip, source.namespace_);
    if (service == nullptr) workload = view.find_by_address(address->network, address->ip);
  } else if (const NamespacedHostname* key = hostname_of(reference); key != nullptr) {
    service = view.find_service(*key);
    if (service == nullptr) workload = view.find_by_hostname(*key);
  }
  if (service != nullptr) return balance(view, source, service, target, Purpose::waypoint, random);
  if (workload != nullptr) return straight_to(workload, target);
  return std::nullopt;
}

bool refers_to(const View& view, const GatewayAddress& reference, const Workload& workload) {
  ServicePtr service;
  if (const NetworkAddress* address = address_of(reference); address != nullptr) {
    if (address->network == workload.network && workload.has_address(address->ip)) return true;
    service = view.find_service_by_vip(address->network, address->ip, workload.namespace_);
  } else if (const NamespacedHostname* key = hostname_of(reference); key != nullptr) {
    service = view.find_service(*key);
    if (service == nullptr) {
      return !key->hostname.empty() && key->hostname == workload.hostname &&
             key->namespace_ == workload.namespace_;
    }
  }
  return service != nullptr && workload.membership(service->key()) != nullptr;
}

}  // namespace culvert::state
