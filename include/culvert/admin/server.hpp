// The three HTTP servers for operators: admin (15000, loopback only), metrics (15020), readiness
// (15021). They run on a thread of their own, so that a scrape or a large dump delays neither
// traffic nor control.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/metrics/openmetrics.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace culvert::admin {

// Where the servers listen. Port 0 lets the kernel choose (tests).
struct ServerOptions {
  std::uint16_t admin_port = 15000;
  std::uint16_t stats_port = 15020;
  std::uint16_t readiness_port = 15021;
  bool ipv6 = true;
  // The log filter of the start, which POST /logging?reset goes back to.
  std::string log_filter = "info";
};

// How to take profiles of this process; all in pprof's form, uncompressed.
struct ProfileHooks {
  // Blocks for the duration, or until it is told to stop; on a thread of its own.
  std::function<Result<std::string>(std::chrono::milliseconds, int frequency,
                                    const std::stop_token&)>
      record_cpu;
  std::function<bool()> heap_available;
  std::function<bool()> heap_active;
  std::function<Result<void>(bool)> activate_heap;
  std::function<Result<std::string>()> record_heap;
};

// What the servers ask and tell the rest of the process. Called on the admin thread; all must be
// set, must not throw and must stay callable until the server is stopped.
struct Hooks {
  std::function<std::string()> config_dump;  // the JSON document
  std::function<std::string(metrics::Exposition)> metrics;
  std::function<std::vector<std::string>()> pending;  // readiness tasks, sorted; empty: ready
  std::function<void()> quit;                         // POST /quitquitquit: begin to drain
  ProfileHooks profiles;                              // /debug/pprof/
};

// The servers. Made, stopped and destroyed on one thread, not their own.
class Server {
 public:
  // Binds all ports and starts the thread. Errc::io (or permission) names the server and the port
  // that could not be had.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Hooks hooks);
  // As stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Closes the listeners, lets requests under way finish (at most a second) and joins the thread.
  // Not from a hook.
  void stop();

  // The ports in use.
  std::uint16_t admin_port() const;
  std::uint16_t stats_port() const;
  std::uint16_t readiness_port() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::admin
