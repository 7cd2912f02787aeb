// The access log: one line for every connection, at its end (and at its start on debug level).
// Here and not in `proxy`, so that the order of the fields is in one place and can be tested alone.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/log.hpp"
#include "culvert/metrics/traffic.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace culvert::metrics {

// The target of all access log lines.
log::Target& access_target();

// What happened to the connection.
enum class AccessEvent : std::uint8_t {
  opened,    // debug  "connection opened"
  complete,  // info, or error when `error` is set: "connection complete"
  denied,    // warn   "connection failed": refused before it was opened
};

// One end of the connection. Empty or absent parts are unknown and left out of the line.
struct AccessPeer {
  std::optional<SocketAddress> address{};
  std::string_view workload{};  // pod name, else canonical service
  std::string_view namespace_{};
  std::string_view identity{};  // SPIFFE URI; only when the hop used mutual TLS
  std::string_view cluster{};
};

// One access log line. Views only: everything must outlive the call of write_access().
struct AccessRecord {
  AccessEvent event = AccessEvent::complete;
  Reporter reporter = Reporter::source;  // source: direction "outbound"; destination: "inbound"
  AccessPeer source{};
  AccessPeer destination{};
  std::string_view destination_hbone{};    // the CONNECT authority, "host:port"
  std::string_view destination_service{};  // hostname
  std::uint64_t received_bytes = 0;        // as TrafficCounters::received_bytes
  std::uint64_t sent_bytes = 0;            // as TrafficCounters::sent_bytes
  std::chrono::milliseconds duration{0};   // shown as "12ms"
  std::string_view error{};                // empty: success
};

// True when a line for `event` would be written; ask before building a record. `failed` matters to
// `complete` only.
bool access_enabled(AccessEvent event, bool failed = false);

// Writes the line if the target is enabled for it. `denied` shows addresses, direction and error
// only; `opened` shows neither bytes nor duration. bytes_sent and bytes_recv are seen from the
// workload of this end: outbound sends the request bytes, inbound the response bytes. Allocates
// nothing but the line.
void write_access(const AccessRecord& record);

}  // namespace culvert::metrics
