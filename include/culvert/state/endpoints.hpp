// The endpoints of one service, ready for a weighted choice in O(log n). Kept apart from the
// service so that a pod that comes or goes costs the same whether the service has ten endpoints or
// 100,000.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/state/workload.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace culvert::state {

// One workload behind a service. `ports` lie inside `*workload`.
struct Endpoint {
  WorkloadPtr workload;
  const PortMap* ports = nullptr;

  bool healthy() const { return workload->status == HealthStatus::healthy; }
};

// A set of endpoints keyed by workload uid, with a tree of cumulative weights (Fenwick, 1994).
// Unhealthy endpoints are kept, with weight 0 unless the set allows them, so that changing the
// service's health policy brings them back. Written by the Store only, under its lock.
class EndpointSet {
 public:
  // Adds the workload or replaces the endpoint of equal uid. `ports` must lie inside `*workload`.
  void put(WorkloadPtr workload, const PortMap* ports);
  // Does nothing when there is none of that uid.
  void remove(const Name& uid);
  // Changes whether unhealthy endpoints count; costs O(n) when it differs.
  void allow_unhealthy(bool allow);

  // All of them, in no particular order, unhealthy ones too.
  const std::vector<Endpoint>& all() const { return endpoints_; }
  std::size_t size() const { return endpoints_.size(); }
  bool empty() const { return endpoints_.empty(); }
  // The endpoint of that uid, or null; valid until the set changes.
  const Endpoint* find(const Name& uid) const;
  // Load-balancing weight of an endpoint of this set: its capacity, or 0 when unhealthy endpoints
  // do not count and it is one.
  std::uint32_t weight(const Endpoint& endpoint) const;
  // Sum of all weights.
  std::uint64_t total_weight() const { return total_; }
  // The endpoint in which the cumulative weight `ticket` falls, 0 <= ticket < total_weight().
  const Endpoint& at_weight(std::uint64_t ticket) const;

 private:
  // Index of that uid in endpoints_, or size() when there is none.
  std::size_t position(const Name& uid) const;
  void add_weight(std::size_t index, std::int64_t delta);
  void push_weight(std::uint32_t weight);

  std::vector<Endpoint> endpoints_;
  std::vector<std::uint64_t>
      tree_;  // same length as endpoints_; entry i sums a power of two of them
  std::unordered_map<Name, std::size_t> index_;  // of uids; empty while the set is small
  std::uint64_t total_ = 0;
  bool allow_unhealthy_ = false;
};

}  // namespace culvert::state
