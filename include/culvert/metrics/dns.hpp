// Counters of pods' DNS queries. Recording only: whoever answers keeps the references and adds to
// them without a lock.
#pragma once

#include "culvert/base/name.hpp"
#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"

#include <cstdint>
#include <string_view>

namespace culvert::metrics {

// The label `request_query_type` of a record type (RFC 1035 section 3.2.2 and its successors), in
// lower case: "a", "aaaa", ... A pod chooses the type of its queries freely, and series are for
// ever: what has no name in wide use is "unknown".
std::string_view query_type_word(std::uint16_t type);

// Everything that tells one series of the DNS families from another.
struct DnsLabels {
  std::uint16_t type = 0;
  bool tcp = false;
  Name canonical_service;   // of the workload that asks; empty: shown as "unknown"
  Name canonical_revision;  // likewise
};

class DnsMetrics {
 public:
  // Adds its families to `registry`, which outlives it.
  explicit DnsMetrics(Registry& registry);

  // Each takes a lock and makes the series: keep the reference, good as long as the registry. Any
  // thread.
  Counter& requests(const DnsLabels& labels);
  // Queries passed on to resolvers, those of them that nobody answered, and how long answers took.
  Counter& upstream_requests(const DnsLabels& labels);
  Counter& upstream_failures(const DnsLabels& labels);
  Histogram& upstream_duration(const DnsLabels& labels);

  // A connection of `source` needed the address of `hostname`, a workload that the mesh knows by
  // name only. Takes a lock.
  void on_demand(const PeerLabels& source, std::string_view hostname);

 private:
  Family<Counter>& requests_;
  Family<Counter>& upstream_requests_;
  Family<Counter>& upstream_failures_;
  Family<Histogram>& upstream_duration_;
  Family<Counter>& on_demand_;
};

}  // namespace culvert::metrics
