#include "proxy/traffic_cache.hpp"

namespace culvert::proxy {

std::size_t TrafficCache::KeyHash::operator()(const Key& key) const noexcept {
  const auto of = [](const auto& p) { return std::hash<const void*>{}(p.get()); };
  std::size_t hash = of(key.source) * 31 + of(key.destination);
  hash = hash * 31 + of(key.service);
  hash = hash * 31 + std::hash<Identity>{}(key.source_identity);
  return hash * 31 + std::hash<Identity>{}(key.destination_identity);
}

// What peers say about themselves makes labels, and series are for ever: beyond a bound for this
// pod and one for all only what is proven counts.
metrics::TrafficCounters& TrafficCache::get_said(const Facts& facts) {
  auto labels = labels_of(facts);
  if (said_.size() < kMaxSaid || said_.contains(labels)) {
    if (auto* const counters = registry_.get_claimed(labels)) {
      said_.insert(std::move(labels));
      return *counters;
    }
  }
  metrics::PeerLabels proven;
  proven.namespace_ = facts.peer_is_known ? facts.peer.namespace_ : Name();
  proven.principal = labels.source.principal;
  labels.source = proven;
  return registry_.get(labels);
}

metrics::TrafficCounters& TrafficCache::get(const Facts& facts) {
  if (facts.said_baggage) return get_said(facts);
  Key key{facts.source_workload,
          facts.destination_workload,
          facts.service,
          facts.source_identity().value_or(Identity{}),
          facts.destination_identity().value_or(Identity{}),
          facts.reporter,
          facts.mutual_tls};
  if (const auto found = entries_.find(key); found != entries_.end()) return *found->second;
  if (entries_.size() >= kMaxEntries) entries_.clear();
  auto& counters = registry_.get(labels_of(facts));
  entries_.emplace(std::move(key), &counters);
  return counters;
}

}  // namespace culvert::proxy
