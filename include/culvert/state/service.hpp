// What the mesh knows about one service. Its endpoints are not part of it: they belong to the Store
// (endpoints.hpp), so that a pod that comes or goes never copies a service.
#pragma once

#include "culvert/state/workload.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::state {

// One step of "how near": equal strings on both sides match, two empty ones too.
enum class Scope : std::uint8_t { region, zone, subzone, node, cluster, network };

struct LoadBalancing {
  enum class Mode : std::uint8_t {
    standard,     // all candidates
    strict,       // only candidates that match every scope
    failover,     // only candidates of the highest rank
    passthrough,  // no balancing: the original destination
  };
  enum class HealthPolicy : std::uint8_t { only_healthy, allow_all };

  std::vector<Scope> routing_preference;
  Mode mode = Mode::standard;
  HealthPolicy health_policy = HealthPolicy::only_healthy;
  friend bool operator==(const LoadBalancing&, const LoadBalancing&) = default;
};

// Which families of an endpoint's addresses may be used.
enum class IpFamilies : std::uint8_t { automatic, ipv4_only, ipv6_only, dual };
// NAMESPACE-scoped services do not exist for clients of other namespaces.
enum class Visibility : std::uint8_t { public_, namespace_ };

// A virtual address range.
struct CidrVip {
  Name network;
  IpPrefix prefix;
  friend bool operator==(const CidrVip&, const CidrVip&) = default;
};

// One of several waypoints; a connection picks one in proportion to the weights.
struct WeightedWaypoint {
  GatewayAddress destination;
  std::uint32_t weight = 0;
  friend bool operator==(const WeightedWaypoint&, const WeightedWaypoint&) = default;
};

// One service. A plain value; resource name "namespace/hostname".
struct Service {
  Name name;
  Name namespace_;
  Name hostname;  // may be a wildcard, compared as text
  std::vector<NetworkAddress> vips;
  std::vector<CidrVip> cidr_vips;
  PortMap ports;
  std::vector<std::string> subject_alt_names;  // as received
  std::vector<Identity> accepted;              // those that are SPIFFE IDs; filled by Store::apply
  std::optional<GatewayAddress> waypoint;
  std::vector<WeightedWaypoint> weighted_waypoints;
  std::optional<LoadBalancing> load_balancing;
  IpFamilies ip_families = IpFamilies::automatic;
  bool canonical = false;  // preferred when several services share a hostname or an address
  Visibility visibility = Visibility::public_;

  NamespacedHostname key() const { return {namespace_, hostname}; }
  LoadBalancing::Mode mode() const {
    return load_balancing ? load_balancing->mode : LoadBalancing::Mode::standard;
  }
  // True when unhealthy endpoints may be chosen.
  bool allows_unhealthy() const {
    return load_balancing &&
           load_balancing->health_policy == LoadBalancing::HealthPolicy::allow_all;
  }
  friend bool operator==(const Service&, const Service&) = default;
};

// How hostnames are compared: in lower case, without the final dot that some write.
std::string normal_hostname(std::string_view hostname);

// Shared and never changed again: an update of the mesh replaces it.
using ServicePtr = std::shared_ptr<const Service>;

}  // namespace culvert::state
