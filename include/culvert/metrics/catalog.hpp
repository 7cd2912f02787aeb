// Every metric of the daemon, by name: the one place that registers families, so that recording
// code cannot misspell a name or a label. One Catalog a process (or a test), made by `app` and
// handed down by reference.
#pragma once

#include "culvert/metrics/dns.hpp"
#include "culvert/metrics/openmetrics.hpp"
#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"

#include <array>
#include <string>
#include <string_view>

namespace culvert::metrics {

class Catalog {
 public:
  // `version` is the value of the label `tag` of istio_build.
  explicit Catalog(std::string_view version);

  TrafficRegistry& traffic() { return traffic_; }
  const TrafficRegistry& traffic() const { return traffic_; }
  // For families that belong to one module only.
  Registry& registry() { return registry_; }

  DnsMetrics& dns() { return dns_; }

  // Accepted downstream sockets that are open now; an HBONE connection counts once.
  Gauge& sockets_open(Reporter reporter) { return *sockets_open_[index(reporter)]; }
  // Connections refused because a certificate is revoked.
  Counter& crl_rejections(Reporter reporter) { return *crl_rejections_[index(reporter)]; }
  // Connections that CRL enforcement cannot end.
  Counter& crl_untracked(Reporter reporter) { return *crl_untracked_[index(reporter)]; }

  // Ended streams to the control plane; `reason` is ConnectionError, Error, Reconnect or Complete.
  Counter& xds_terminations(std::string_view reason) { return xds_terminations_.with({reason}); }
  // Messages received for a type URL, and the payload bytes of their resources.
  Counter& xds_messages(std::string_view type_url) { return xds_messages_.with({type_url}); }
  Counter& xds_message_bytes(std::string_view type_url) {
    return xds_message_bytes_.with({type_url});
  }

  // Pods with running listeners, and pods whose listeners could not be made yet.
  Gauge& active_proxies() { return active_proxies_; }
  Gauge& pending_proxies() { return pending_proxies_; }
  Counter& proxies_started() { return proxies_started_; }
  Counter& proxies_stopped() { return proxies_stopped_; }

  // Every family that has samples, ending in "# EOF" (a comment in Prometheus text). Any thread.
  std::string render(Exposition exposition = Exposition::open_metrics) const;

 private:
  static std::size_t index(Reporter reporter) { return static_cast<std::size_t>(reporter); }

  TrafficRegistry traffic_;
  Registry registry_;
  // All of these live in registry_.
  std::array<Gauge*, kReporters> sockets_open_;
  std::array<Counter*, kReporters> crl_rejections_;
  std::array<Counter*, kReporters> crl_untracked_;
  DnsMetrics dns_{registry_};
  Family<Counter>& xds_terminations_;
  Family<Counter>& xds_messages_;
  Family<Counter>& xds_message_bytes_;
  Gauge& active_proxies_;
  Gauge& pending_proxies_;
  Counter& proxies_started_;
  Counter& proxies_stopped_;
};

}  // namespace culvert::metrics
