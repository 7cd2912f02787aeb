// What the access log and the metrics say of one connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "culvert/base/address.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/base/time.hpp"
#include "culvert/hbone/metadata.hpp"
#include "culvert/metrics/access_log.hpp"
#include "culvert/metrics/traffic.hpp"
#include "culvert/state/service.hpp"
#include "culvert/state/workload.hpp"

namespace culvert::proxy {

// Facts of one connection, collected while it is opened. Kept as references to shared state: labels
// and lines are made from them when needed.
struct Facts {
  metrics::Reporter reporter = metrics::Reporter::source;
  bool mutual_tls = false;
  SocketAddress source;
  SocketAddress destination;                // as the log shows it: the TCP destination
  std::string authority;                    // CONNECT authority, empty for plain TCP
  state::WorkloadPtr source_workload;       // null: unknown
  state::WorkloadPtr destination_workload;  // null: unknown
  state::ServicePtr service;                // the one that was meant, null: unknown
  std::optional<Identity> source_identity;  // proven on this hop
  std::optional<Identity> destination_identity;
  std::unique_ptr<hbone::Baggage> source_baggage;  // what an unknown source says about itself
};

metrics::TrafficLabels labels_of(const Facts& facts);

// Writes one line of the access log.
void log_access(metrics::AccessEvent event, const Facts& facts, std::uint64_t received,
                std::uint64_t sent, std::chrono::milliseconds duration, std::string_view error);

// A connection that was refused before it was opened: a warning with addresses, no metrics.
void log_early_deny(metrics::Reporter reporter, const SocketAddress& source,
                    const SocketAddress& destination, std::string_view error);

}  // namespace culvert::proxy
