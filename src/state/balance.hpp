// Choosing one endpoint of a service (behaviour of the reference ztunnel, without its list of
// candidates per connection).
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <optional>

namespace culvert::state {

// What the endpoint is for: the destination itself or its gateway, or a waypoint.
enum class Purpose : std::uint8_t { destination, waypoint };

// One choice to make. References outlive it.
struct BalanceRequest {
  const Workload& source;
  const Service& service;
  const EndpointSet& endpoints;
  std::uint16_t port;  // of the service
  Purpose purpose = Purpose::destination;
};

// The endpoint's port behind the service's `port`: its own mapping, else the service's; nothing
// when neither says.
std::optional<std::uint16_t> mapped_port(const Service& service, const PortMap* ports,
                                         std::uint16_t port);
// The port to send to: the mapped one, else, for a waypoint with an application tunnel that has a
// port of its own, `port` itself; nothing when the endpoint cannot be used for `port`.
std::optional<std::uint16_t> target_port(const BalanceRequest& request, const Endpoint& endpoint);

// How near `workload` is to `source`: leading scopes that match. When the first scope is the
// network a mismatch does not end the count, and a match adds the number of the other scopes.
struct Nearness {
  std::size_t matched = 0;  // before that bonus
  std::size_t rank = 0;     // with it
};
Nearness nearness(const Workload& source, const Workload& workload,
                  const std::vector<Scope>& preference);

// Picks in proportion to the weights among the endpoints that can be used; null when there is none.
// O(log n) for services without locality preference, one pass otherwise; allocates nothing.
const Endpoint* pick_endpoint(const BalanceRequest& request, Random& random);

// The address of `workload` to use for a client that asked for `wanted`: that one if it is its own,
// else the first allowed one of the same family, else the first allowed one.
std::optional<IpAddress> choose_address(const Workload& workload, const IpAddress& wanted,
                                        IpFamilies families);

}  // namespace culvert::state
