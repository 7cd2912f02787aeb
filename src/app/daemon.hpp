// The running node proxy: every part, joined. Lives on the main thread, which is the control
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>

#include "app/local_file.hpp"
#include "app/pods.hpp"
#include "app/resolv_conf.hpp"
#include "culvert/admin/readiness.hpp"
#include "culvert/admin/server.hpp"
#include "culvert/app/options.hpp"
#include "culvert/control/ca.hpp"
#include "culvert/control/certificates.hpp"
#include "culvert/control/xds.hpp"
#include "culvert/control/zds.hpp"
#include "culvert/metrics/catalog.hpp"
#include "culvert/proxy/node_proxy.hpp"
#include "culvert/state/store.hpp"

namespace culvert::app {

class Daemon {
 public:
  explicit Daemon(Options options);
  ~Daemon();

  // Binds, connects, starts. The error is one sentence for the operator.
  Result<void> start();
  // Runs until drained after SIGTERM, SIGINT or /quitquitquit, or until the deadline has passed,
  // and until requests under way on the ports for operators are answered (Server::stop()). False
  // when start-up failed after all; its last line says why. Afterwards the process must end without
  // destructors: connections that would not end may still be there, and gRPC's threads run to the
  // last.
  bool run();

 private:
  Result<void> start_control_plane();
  Result<void> start_admin();
  void join_store();
  void on_synced();
  void serve_own_pod();
  void on_own_pod(const Result<void>& started);
  void on_zds(bool ready, std::size_t active, std::size_t pending);
  void await_signal();
  void on_signal(int number);
  void begin_drain(std::string_view why);
  void on_deadline();
  std::string config_dump();

  const Options options_;
  boost::asio::io_context io_{1};
  metrics::Catalog catalog_;
  admin::Readiness readiness_;
  state::Store store_;
  proxy::NodeResolvers resolvers_;
  ResolvConf resolv_conf_{io_, resolvers_, options_.dns_capture};
  // In the order of dependence: what is below uses what is above.
  std::unique_ptr<control::CaClient> ca_;
  std::unique_ptr<control::CertificateManager> certificates_;
  std::unique_ptr<proxy::NodeProxy> node_;
  std::unique_ptr<Pods> pods_;
  std::unique_ptr<control::ZdsClient> zds_;
  std::unique_ptr<LocalFile> local_;
  std::unique_ptr<control::XdsClient> xds_;
  std::unique_ptr<admin::Server> admin_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer settled_;  // when start-up is over
  bool draining_ = false;
  bool forced_ = false;
  bool drained_ = false;
  bool failed_ = false;
};

}  // namespace culvert::app
