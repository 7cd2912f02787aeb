// From a reference to a waypoint to the workload behind it.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/state/store.hpp"
#include "state/balance.hpp"

#include <cstdint>
#include <optional>

namespace culvert::state {

// A workload that was chosen, with where to reach it.
struct Upstream {
  WorkloadPtr workload;         // null: nobody could be chosen
  ServicePtr service;           // that it was chosen from; null for a workload by itself
  std::uint16_t port = 0;       // the workload's own
  std::optional<IpAddress> ip;  // none: by hostname or through a gateway only
};

// Balances among the endpoints of `service`; Upstream::workload is null when none can be used.
Upstream balance(const View& view, const Workload& source, const ServicePtr& service,
                 const SocketAddress& wanted, Purpose purpose, Random& random);
// `workload` itself, at wanted.port.
Upstream straight_to(const WorkloadPtr& workload, const SocketAddress& wanted);

// The waypoint of a service for one connection: a weighted one, else the plain one; null when none.
const GatewayAddress* waypoint_of(const Service& service, Random& random);

// Who is behind `reference`; nothing when it leads nowhere, an Upstream without workload when its
// service has no usable endpoint. `wanted` decides the address family of a reference by hostname.
std::optional<Upstream> resolve_waypoint(const View& view, const Workload& source,
                                         const GatewayAddress& reference, const IpAddress& wanted,
                                         Random& random);

// Whether `reference` means `workload`: by an address of it, by its hostname, or by a service that
// lists it. Unlike resolving, this does not depend on chance.
bool refers_to(const View& view, const GatewayAddress& reference, const Workload& workload);

}  // namespace culvert::state
