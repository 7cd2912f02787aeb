#include "state/balance.hpp"

#include <algorithm>

namespace culvert::state {

namespace {

// Draws by weight before all endpoints are looked at one by one: a service of which more than half
// the weight cannot be used is rare, and needs the pass with probability below 2^-8 then.
constexpr int kDraws = 8;

bool allowed(const IpAddress& ip, IpFamilies families) {
  if (families == IpFamilies::ipv4_only) return ip.is_v4();
  if (families == IpFamilies::ipv6_only) return ip.is_v6();
  return true;
}

bool reachable(const BalanceRequest& request, const Workload& workload) {
  if (!workload.hostname.empty()) return true;
  const auto usable = [&](const IpAddress& ip) { return allowed(ip, request.service.ip_families); };
  if (std::any_of(workload.addresses.begin(), workload.addresses.end(), usable)) return true;
  return workload.network != request.source.network && workload.network_gateway.has_value();
}

bool eligible(const BalanceRequest& request, const Endpoint& endpoint) {
  return reachable(request, *endpoint.workload) && target_port(request, endpoint).has_value();
}

bool matches_scope(const Workload& source, const Workload& workload, Scope scope) {
  switch (scope) {
    case Scope::region:
      return source.locality.region == workload.locality.region;
    case Scope::zone:
      return source.locality.zone == workload.locality.zone;
    case Scope::subzone:
      return source.locality.subzone == workload.locality.subzone;
    case Scope::node:
      return source.node == workload.node;
    case Scope::cluster:
      return source.cluster_id == workload.cluster_id;
    case Scope::network:
      return source.network == workload.network;
  }
  return false;
}

// One pass that keeps a weighted sample of the best rank seen so far (reservoir of one).
const Endpoint* scan(const BalanceRequest& request, Random& random) {
  const Service& service = request.service;
  const bool strict = service.mode() == LoadBalancing::Mode::strict;
  const bool ranked = service.mode() != LoadBalancing::Mode::standard;
  const Endpoint* chosen = nullptr;
  std::size_t best = 0;
  std::uint64_t total = 0;
  for (const Endpoint& endpoint : request.endpoints.all()) {
    const std::uint32_t weight = request.endpoints.weight(endpoint);
    if (weight == 0 || !eligible(request, endpoint)) continue;
    std::size_t rank = 0;
    if (ranked) {
      const auto& preference = service.load_balancing->routing_preference;
      const Nearness near = nearness(request.source, *endpoint.workload, preference);
      if (strict && near.matched != preference.size()) continue;
      rank = strict ? 0 : near.rank;
    }
    if (rank < best) continue;
    if (rank > best) total = 0;
    best = rank;
    total += weight;
    if (random.below(total) < weight) chosen = &endpoint;
  }
  return chosen;
}

}  // namespace

std::optional<std::uint16_t> mapped_port(const Service& service, const PortMap* ports,
                                         std::uint16_t port) {
  if (ports != nullptr) {
    if (const auto own = ports->find(port); own && *own != 0) return own;
  }
  if (const auto common = service.ports.find(port); common && *common != 0) return common;
  return std::nullopt;
}

std::optional<std::uint16_t> target_port(const BalanceRequest& request, const Endpoint& endpoint) {
  if (const auto mapped = mapped_port(request.service, endpoint.ports, request.port)) return mapped;
  const auto& tunnel = endpoint.workload->application_tunnel;
  if (request.purpose == Purpose::waypoint && tunnel && tunnel->port != 0) return request.port;
  return std::nullopt;
}

Nearness nearness(const Workload& source, const Workload& workload,
                  const std::vector<Scope>& preference) {
  Nearness result;
  bool bonus = false;
  for (std::size_t i = 0; i < preference.size(); ++i) {
    const bool network_first = i == 0 && preference[i] == Scope::network;
    if (matches_scope(source, workload, preference[i])) {
      ++result.matched;
      bonus = bonus || network_first;
    } else if (!network_first) {
      break;
    }
  }
  result.rank = result.matched + (bonus ? preference.size() - 1 : 0);
  return result;
}

const Endpoint* pick_endpoint(const BalanceRequest& request, Random& random) {
  if (request.purpose == Purpose::destination && !request.service.ports.contains(request.port))
    return nullptr;
  const std::uint64_t total = request.endpoints.total_weight();
  if (total == 0) return nullptr;
  if (request.service.mode() == LoadBalancing::Mode::standard) {
    for (int draw = 0; draw < kDraws; ++draw) {
      // Drawing again until one can be used gives each of those its share of their weight.
      const Endpoint& endpoint = request.endpoints.at_weight(random.below(total));
      if (eligible(request, endpoint)) return &endpoint;
    }
  }
  return scan(request, random);
}

std::optional<IpAddress> choose_address(const Workload& workload, const IpAddress& wanted,
                                        IpFamilies families) {
  if (workload.has_address(wanted)) return wanted;
  std::optional<IpAddress> first;
  for (const IpAddress& ip : workload.addresses) {
    if (!allowed(ip, families)) continue;
    if (ip.is_v4() == wanted.is_v4()) return ip;
    if (!first) first = ip;
  }
  return first;
}

}  // namespace culvert::state
