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

// Facts of one connection, collected while it is opened and kept until it ends: references to
// shared state and small values, because there are tens of thousands of them. Labels and log lines
// are made from them when needed.
struct Facts {
  metrics::Reporter reporter = metrics::Reporter::source;
  bool mutual_tls = false;
  bool peer_is_known = false;  // `peer` is set
  SocketAddress source;
  SocketAddress destination;  // as the log shows it: the TCP destination
  // Outbound: what the application asked for. Inbound: the application's own address.
  SocketAddress endpoint;
  SocketAddress target;                          // CONNECT authority; port 0: none, or a hostname
  std::unique_ptr<std::string> target_host;      // CONNECT authority that is "hostname:port"
  state::WorkloadPtr source_workload;            // null: unknown
  state::WorkloadPtr destination_workload;       // null: unknown
  state::ServicePtr service;                     // the one that was meant, null: unknown
  Identity peer;                                 // what the other end of the tunnel has proven
  Name forwarded_host;                           // inbound: the service that the caller named
  std::unique_ptr<hbone::Baggage> said_baggage;  // what an unknown source says about itself

  // Both only on hops with mutual TLS.
  std::optional<Identity> source_identity() const;
  std::optional<Identity> destination_identity() const;
  // "host:port", or empty.
  std::string authority() const;
  void set_authority(std::string_view text);
  // Where the application is, or where we connected to.
  const SocketAddress& actual_destination() const {
    return reporter == metrics::Reporter::destination ? endpoint : destination;
  }
};

metrics::TrafficLabels labels_of(const Facts& facts);
// Those of a workload of this node, as the source of a connection.
metrics::PeerLabels source_labels(const state::Workload& workload);

// Writes one line of the access log.
void log_access(metrics::AccessEvent event, const Facts& facts, std::uint64_t received,
                std::uint64_t sent, std::chrono::milliseconds duration, std::string_view error);

// A connection that was refused before it was opened: a warning with addresses, no metrics.
void log_early_deny(metrics::Reporter reporter, const SocketAddress& source,
                    const SocketAddress& destination, std::string_view error);

}  // namespace culvert::proxy
