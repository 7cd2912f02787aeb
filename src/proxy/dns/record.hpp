// What the metrics and the query log say of a pod's DNS queries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "culvert/base/time.hpp"
#include "culvert/dns/message.hpp"
#include "culvert/metrics/dns.hpp"
#include "culvert/state/workload.hpp"

namespace culvert::proxy {

// One pod on one worker. Remembers the counters of each kind of query, so that counting one costs
// an addition. Worker thread only.
class DnsRecord {
 public:
  explicit DnsRecord(metrics::DnsMetrics& metrics) : metrics_(metrics) {}

  // `client` may be null.
  void asked(const state::WorkloadPtr& client, const dns::Query& query, dns::Transport transport);
  // It is passed on to resolvers; they have answered, or nobody has.
  void forwarded(const state::WorkloadPtr& client, const dns::Query& query,
                 dns::Transport transport);
  void upstream_answered(const state::WorkloadPtr& client, const dns::Query& query,
                         dns::Transport transport, Duration took);
  void upstream_failed(const state::WorkloadPtr& client, const dns::Query& query,
                       dns::Transport transport);

 private:
  // A null pointer is a series that this pod has not touched yet: none of it is shown.
  struct Counters {
    std::string_view type;
    bool tcp = false;
    metrics::Counter* requests = nullptr;
    metrics::Counter* forwarded = nullptr;
    metrics::Counter* failures = nullptr;
    metrics::Histogram* duration = nullptr;
  };
  Counters& counters(const state::WorkloadPtr& client, const dns::Query& query,
                     dns::Transport transport);
  metrics::DnsLabels labels(const dns::Query& query, dns::Transport transport) const;

  metrics::DnsMetrics& metrics_;
  state::WorkloadPtr of_;           // whose the counters are
  std::vector<Counters> counters_;  // few: one for each type in use and transport
};

// One line of the target `dns` on level debug. `result`: what became of it; `addresses`: how many
// were answered.
void log_query(const state::WorkloadPtr& client, const dns::Query& query, std::string_view result,
               std::size_t addresses);

}  // namespace culvert::proxy
