// One proxied connection for as long as it is open: who, since when, and how to end it. The pod's
// registry of these is what drain, revocation and the admin dump walk over.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <utility>

#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"
#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"
#include "proxy/record.hpp"

namespace culvert::proxy {

// Counts one accepted socket for as long as it lives.
class OpenSocket {
 public:
  explicit OpenSocket(metrics::Gauge& gauge) : gauge_(&gauge) { gauge_->add(); }
  OpenSocket(OpenSocket&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  OpenSocket& operator=(OpenSocket&&) = delete;
  ~OpenSocket() {
    if (gauge_ != nullptr) gauge_->sub();
  }

 private:
  metrics::Gauge* gauge_;  // outlives all pods
};

// Worker thread only. Deletes itself when both sides are done.
class Connection : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(Facts facts, TimePoint opened) : facts_(std::move(facts)), opened_(opened) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const Facts& facts() const { return facts_; }
  // Ends both sides now, and what is still being opened; `reason` is what the access log says.
  virtual void cut(Error reason) = 0;

 protected:
  // Counts the connection as opened and logs it on debug.
  void opened(metrics::TrafficCounters& counters);
  // Counts and logs the end, once for every opened(). Totals as in TrafficCounters.
  void closed(std::uint64_t received, std::uint64_t sent, const Error* error, TimePoint now,
              bool hbone_dial = false);
  metrics::TrafficCounters& counters() { return *counters_; }
  Facts facts_;

 private:
  metrics::TrafficCounters* counters_ = nullptr;  // the registry's, for the process's life
  const TimePoint opened_;
};

using ConnectionList =
    boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>>;

}  // namespace culvert::proxy
