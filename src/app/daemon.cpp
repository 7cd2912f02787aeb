#include "app/daemon.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <cstdlib>

#include "app/dump.hpp"
#include "app/settings.hpp"
#include "app/version.hpp"
#include "culvert/base/log.hpp"
#include "culvert/base/memory.hpp"
#include "culvert/profile/cpu.hpp"
#include "culvert/profile/heap.hpp"

namespace culvert::app {

namespace {
const log::Target kLog("app");
// In place of the uid that the node agent gives to other pods.
constexpr std::string_view kOwnPod = "own";
// How long connections get to end once they have been cut.
constexpr auto kCutGrace = std::chrono::seconds(2);
// How long whoever interrupts a second time waits for a slow reader of the log.
constexpr auto kHurriedLog = std::chrono::milliseconds(200);
// After the first synchronization: pods have been handed over and certificates fetched by then.
constexpr auto kStartUp = std::chrono::seconds(1);

void warn_of(const state::UnusableNames& unusable) {
  std::string names;
  for (const auto& name : unusable.names) names += (names.empty() ? "" : ", ") + name;
  log::warn(kLog, "subject names of a service are no SPIFFE IDs and are ignored",
            {log::str("service", unusable.service.to_string()), log::str("names", names)});
}
}  // namespace

Daemon::Daemon(Options options)
    : options_(std::move(options)),
      catalog_(options_.istio_version),
      store_(local_node(options_)),
      signals_(io_, SIGTERM, SIGINT),
      deadline_(io_),
      settled_(io_) {}

Daemon::~Daemon() {
  if (admin_) admin_->stop();  // its hooks look at everything below
}

Result<void> Daemon::start() {
  for (const auto task :
       {admin::Readiness::kState, admin::Readiness::kProxy, admin::Readiness::kPods}) {
    readiness_.open(task);
  }
  await_signal();
  resolv_conf_.follow();
  auto ca = control::CaClient::make(io_, ca_options(options_));
  if (!ca) return ca.error().with("CA_ADDRESS");
  ca_ = std::move(*ca);
  certificates_ = std::make_unique<control::CertificateManager>(io_, *ca_);
  const proxy::NodeProxy::Parts parts{store_,
                                      *certificates_,
                                      catalog_.traffic(),
                                      {&catalog_.sockets_open(metrics::Reporter::source),
                                       &catalog_.sockets_open(metrics::Reporter::destination)},
                                      catalog_.dns(),
                                      resolvers_};
  node_ = std::make_unique<proxy::NodeProxy>(proxy_settings(options_), tunnel_settings(options_),
                                             options_.worker_threads, parts);
  pods_ = std::make_unique<Pods>(io_, *node_, store_);
  join_store();
  control::ZdsEvents events;
  events.changed = [this](bool ready, std::size_t active, std::size_t pending) {
    on_zds(ready, active, pending);
  };
  events.proxy_started = [this] { catalog_.proxies_started().add(); };
  events.proxy_stopped = [this] { catalog_.proxies_stopped().add(); };
  zds_ = std::make_unique<control::ZdsClient>(io_, options_.inpod_uds, *pods_, std::move(events));
  if (!options_.local_xds_path.empty() || !options_.local_xds.empty()) {
    local_ = std::make_unique<LocalFile>(io_, store_, options_.local_xds_path, options_.local_xds);
  }
  if (auto done = start_admin(); !done) return done.error();
  return start_control_plane();
}

void Daemon::join_store() {
  store_.add_listener([this](const state::Changes& changes) {
    for (const auto& identity : changes.identities_added) certificates_->prefetch(identity);
    for (const auto& identity : changes.identities_removed) certificates_->forget(identity);
    for (const auto& unusable : changes.unusable_names) warn_of(unusable);
    node_->on_changes(changes);
    pods_->on_changes(changes);
  });
}

Result<void> Daemon::start_admin() {
  admin::ServerOptions ports;
  ports.admin_port = options_.admin_port;
  ports.stats_port = options_.stats_port;
  ports.ipv6 = options_.ipv6;
  ports.log_filter = options_.log_filter;
  admin::Hooks hooks;
  hooks.config_dump = [this] { return config_dump(); };
  hooks.metrics = [this](metrics::Exposition exposition) { return catalog_.render(exposition); };
  hooks.pending = [this] { return readiness_.pending(); };
  hooks.quit = [this] {
    boost::asio::post(io_, [this] { begin_drain("asked on the admin port"); });
  };
  hooks.profiles = {profile::record_cpu, profile::heap_available, profile::heap_active,
                    profile::activate_heap, profile::record_heap};
  auto server = admin::Server::start(ports, std::move(hooks));
  if (!server) return server.error();
  admin_ = std::move(*server);
  return {};
}

Result<void> Daemon::start_control_plane() {
  if (local_) {
    if (auto loaded = local_->load(); !loaded) return loaded.error();
    // Beside a server an edit would take away, or set back, what that one has sent under the same
    // name.
    if (options_.xds_address.empty()) local_->watch();
  }
  if (options_.xds_address.empty()) {
    on_synced();
    return {};
  }
  control::XdsEvents events;
  events.apply = [this](state::Update update) { store_.apply(std::move(update)); };
  events.ready = [this] { on_synced(); };
  events.terminated = [this](control::XdsTermination reason) {
    catalog_.xds_terminations(control::to_string(reason)).add();
  };
  events.received = [this](std::string_view url, std::uint64_t bytes, std::uint64_t) {
    catalog_.xds_messages(url).add();
    catalog_.xds_message_bytes(url).add(bytes);
  };
  auto xds = control::XdsClient::make(io_, xds_options(options_), std::move(events));
  if (!xds) return xds.error().with("XDS_ADDRESS");
  xds_ = std::move(*xds);
  xds_->start();
  return {};
}

// No pod is served before the mesh and its policies are known.
void Daemon::on_synced() {
  readiness_.complete(admin::Readiness::kState);
  log::info(kLog, "the mesh is known");
  settled_.expires_after(kStartUp);
  settled_.async_wait([](const boost::system::error_code& error) {
    if (!error) release_startup_pages();
  });
  if (!draining_) serve_own_pod();
}

// Who has an identity of its own can be scraped through the mesh.
void Daemon::serve_own_pod() {
  const auto own = options_.own_workload();
  if (!own) return on_own_pod({});
  proxy::PodInfo pod{Name(own->namespace_), Name(own->name), Name(own->service_account)};
  pod.own = true;
  node_->start_pod(std::string(kOwnPod), pod, nullptr, [this](Result<void> started) {
    boost::asio::post(io_, [this, started = std::move(started)] { on_own_pod(started); });
  });
}

// A port of ours that somebody else has is a mistake to be told at once, as it is with the others.
void Daemon::on_own_pod(const Result<void>& started) {
  if (!started) {
    log::error(kLog, "cannot start: this pod's own metrics cannot be served to the mesh",
               {log::str("error", started.error().detail)});
    failed_ = true;
    return io_.stop();
  }
  readiness_.complete(admin::Readiness::kProxy);
  if (!draining_) zds_->start();
}

void Daemon::on_zds(bool ready, std::size_t active, std::size_t pending) {
  catalog_.active_proxies().set(static_cast<std::int64_t>(active));
  catalog_.pending_proxies().set(static_cast<std::int64_t>(pending));
  if (ready) {
    readiness_.complete(admin::Readiness::kPods);
  } else {
    readiness_.open(admin::Readiness::kPods);
  }
}

void Daemon::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;  // cancelled
    on_signal(number);
    await_signal();
  });
}

void Daemon::on_signal(int number) {
  if (draining_ && number == SIGINT) {
    log::warn(kLog, "interrupted again: ending at once");
    log::stop(kHurriedLog);
    std::_Exit(0);
  }
  begin_drain(number == SIGTERM ? "SIGTERM" : "SIGINT");
}

void Daemon::begin_drain(std::string_view why) {
  if (draining_) return;
  draining_ = true;
  log::info(kLog, "draining: listeners close now, connections have until the deadline",
            {log::str("why", why),
             log::num("deadline_ms", std::chrono::duration_cast<std::chrono::milliseconds>(
                                         options_.termination_deadline)
                                         .count())});
  zds_->drain();
  node_->drain([this] {
    boost::asio::post(io_, [this] {
      drained_ = true;
      io_.stop();
    });
  });
  deadline_.expires_after(options_.termination_deadline);
  deadline_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_deadline();
  });
}

void Daemon::on_deadline() {
  if (forced_) {  // they had their chance twice
    io_.stop();
    return;
  }
  forced_ = true;
  log::warn(kLog, "the drain deadline has passed: cutting what is still open");
  node_->cut();
  deadline_.expires_after(kCutGrace);
  deadline_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_deadline();
  });
}

bool Daemon::run() {
  io_.run();
  // Nobody handles it from here on: an impatient operator's Ctrl-C ends the process by itself.
  signals_.remove(SIGINT);
  if (!failed_)
    log::info(kLog, drained_ ? "drained" : "ending with connections that would not close");
  admin_->stop();  // requests under way are answered; its hooks still find everything
  return !failed_;
}

std::string Daemon::config_dump() {
  admin::DumpInput input;
  input.store = &store_;
  const auto local = local_ ? local_->current() : nullptr;
  input.local = local.get();
  input.certificates = certificate_entries(*certificates_);
  input.pods = pod_entries(zds_->pods(), collect_connections(*node_));
  const auto resolvers = resolvers_.get();
  input.config = to_json(options_, resolvers ? *resolvers : dns::Resolvers());
  input.build = build_info(options_.istio_version);
  return admin::config_dump(input);
}

}  // namespace culvert::app
