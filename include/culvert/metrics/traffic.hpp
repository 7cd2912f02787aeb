// Counters of TCP connections, one set of counters for every combination of labels. Recording
// only: a connection asks for its counters once, when it opens, and adds to them without a lock.
#pragma once

#include "culvert/base/name.hpp"
#include "culvert/base/result.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace culvert::metrics {

// Which end of the connection counts: outbound listeners are `source`, inbound ones `destination`.
enum class Reporter : std::uint8_t { source, destination };
inline constexpr std::size_t kReporters = 2;
// "source", "destination".
std::string_view to_string(Reporter reporter);

// How a connection ended, as the label `response_flags` says it.
enum class ResponseFlag : std::uint8_t {
  none,
  deny,
  connect,
  tls_failure,
  h2_handshake_failure,
  network_policy,
  identity_error,
  cert_revoked,
};
inline constexpr std::size_t kResponseFlags = 8;
// "-", "DENY", "CONNECT", ...
std::string_view to_string(ResponseFlag flag);

// The flag of a connection that failed with `error`. `hbone_dial` says that the failure is that of
// the TCP connect to a peer's HBONE port: a timeout there hints at a NetworkPolicy, any other
// timeout is plain CONNECT.
ResponseFlag flag_of(const Error& error, bool hbone_dial = false);

// What is known of one end of a connection. Empty means unknown and is shown as "unknown".
struct PeerLabels {
  Name workload;
  Name canonical_service;
  Name canonical_revision;
  Name namespace_;
  Name principal;  // SPIFFE URI
  Name app;
  Name version;
  Name cluster;
  Name region;
  Name zone;

  friend bool operator==(const PeerLabels&, const PeerLabels&) = default;
};

// Everything that tells one series of the traffic families from another, but the response flag.
struct TrafficLabels {
  Reporter reporter = Reporter::source;
  PeerLabels source;
  PeerLabels destination;
  Name destination_service;  // hostname
  Name destination_service_namespace;
  Name destination_service_name;
  bool mutual_tls = false;

  friend bool operator==(const TrafficLabels&, const TrafficLabels&) = default;
};

// Hash over the handles of all names; equal labels hash alike.
struct TrafficLabelsHash {
  std::size_t operator()(const TrafficLabels& labels) const noexcept;
};

// The counters of one label set. Any thread adds; every access is relaxed, because each number
// stands alone. On cache lines of its own, so that two label sets never share one.
struct alignas(64) TrafficCounters {
  std::atomic<std::uint64_t> opened{0};          // connections
  std::atomic<std::uint64_t> received_bytes{0};  // downstream to upstream: the request direction
  std::atomic<std::uint64_t> sent_bytes{0};      // upstream to downstream
  std::array<std::atomic<std::uint64_t>, kResponseFlags> closed{};  // connections, by final flag
  std::array<std::atomic<std::uint64_t>, kResponseFlags> failed{};  // those whose flag is not none

  void open() { opened.fetch_add(1, std::memory_order_relaxed); }
  void received(std::uint64_t bytes) { received_bytes.fetch_add(bytes, std::memory_order_relaxed); }
  void sent(std::uint64_t bytes) { sent_bytes.fetch_add(bytes, std::memory_order_relaxed); }
  // Exactly once for every open().
  void close(ResponseFlag flag) {
    const auto index = static_cast<std::size_t>(flag);
    closed[index].fetch_add(1, std::memory_order_relaxed);
    if (flag != ResponseFlag::none) failed[index].fetch_add(1, std::memory_order_relaxed);
  }
};

// All label sets seen so far. Any thread.
class TrafficRegistry {
 public:
  TrafficRegistry() = default;
  TrafficRegistry(const TrafficRegistry&) = delete;
  TrafficRegistry& operator=(const TrafficRegistry&) = delete;

  // The counters of `labels`: equal labels give the same object, which lives as long as the
  // registry. Takes one short lock: once a connection, never once a read.
  TrafficCounters& get(const TrafficLabels& labels);

  // As get(), for labels that somebody claims without proof: null when this would be one more such
  // series than kMostClaimed. Series are for ever, and pods come and go.
  TrafficCounters* get_claimed(const TrafficLabels& labels);
  static constexpr std::size_t kMostClaimed = 4096;

  // Calls `visit(labels, counters)` for every label set there was when the call began, without
  // holding the lock: a slow scrape delays no connection.
  void for_each(
      const std::function<void(const TrafficLabels&, const TrafficCounters&)>& visit) const;

  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_; nodes are never removed and never move.
  std::unordered_map<TrafficLabels, TrafficCounters, TrafficLabelsHash> series_;
  std::size_t claimed_ = 0;  // made by get_claimed()
};

}  // namespace culvert::metrics
