// Remembers which counters a pair of workloads uses, so that a connection does not spell out its
// thirty labels to find them.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <unordered_set>

#include "culvert/metrics/traffic.hpp"
#include "proxy/record.hpp"

namespace culvert::proxy {

// One worker. Bounded: it starts over when full, which costs a slow lookup each, nothing else.
class TrafficCache {
 public:
  explicit TrafficCache(metrics::TrafficRegistry& registry) : registry_(registry) {}
  metrics::TrafficCounters& get(const Facts& facts);

 private:
  // Owning the records keeps their addresses from being used again for others.
  struct Key {
    state::WorkloadPtr source;
    state::WorkloadPtr destination;
    state::ServicePtr service;
    Identity source_identity;
    Identity destination_identity;
    metrics::Reporter reporter = metrics::Reporter::source;
    bool mutual_tls = false;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  static constexpr std::size_t kMaxEntries = 4096;
  static constexpr std::size_t kMaxSaid = 256;

  metrics::TrafficCounters& get_said(const Facts& facts);

  metrics::TrafficRegistry& registry_;
  std::unordered_map<Key, metrics::TrafficCounters*, KeyHash> entries_;
  std::unordered_set<metrics::TrafficLabels, metrics::TrafficLabelsHash> said_;
};

}  // namespace culvert::proxy
