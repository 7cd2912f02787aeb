#include "culvert/authority/control_plane.hpp"

#include "authority/file_watch.hpp"
#include "authority/files.hpp"
#include "authority/grpc_server.hpp"
#include "authority/state_dir.hpp"
#include "culvert/base/log.hpp"

#include <grpcpp/server.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>
#include <thread>

namespace culvert::authority {
namespace {

const log::Target kLog("authority");

// How long calls may take to end after stop(); then they are cancelled.
constexpr auto kDrain = std::chrono::seconds(1);
constexpr auto kLongestTtl = std::chrono::hours(24 * 3652);

Result<void> validate(const Options& options) {
  if (options.config.empty()) return fail(Errc::invalid, "no configuration file given");
  if (options.listen.empty()) return fail(Errc::invalid, "no address to listen on given");
  if (options.trust_domain.empty() || options.trust_domain.find('/') != std::string::npos)
    return fail(Errc::invalid, "'" + options.trust_domain + "' is not a trust domain");
  if (options.max_ttl < std::chrono::seconds(1) || options.max_ttl > kLongestTtl)
    return fail(Errc::invalid, "the longest certificate life must be 1 s to 10 years");
  return {};
}

// What clients may call this control plane: the name that the reference expects, the host itself,
// the addresses listened on, and what the operator adds.
std::vector<std::string> serving_names(const Options& options) {
  std::vector<std::string> names{"istiod.istio-system.svc", "localhost", "127.0.0.1", "::1"};
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& address : options.listen)
    if (!address.ip.is_unspecified()) add(address.ip.to_string());
  for (const auto& name : options.dns_names) add(name);
  return names;
}

}  // namespace

class ControlPlane::Impl {
 public:
  Impl(Options options, StateDir state_dir, Realm realm)
      : options_(std::move(options)),
        state_dir_(std::move(state_dir)),
        realm_(std::move(realm)),
        xds_(loop_, realm_),
        ca_(loop_, realm_),
        keep_running_(loop_.get_executor()) {}
  ~Impl() { stop(); }

  Result<void> start();
  void stop();

  const Options& options() const { return options_; }
  const StateDir& state_dir() const { return state_dir_; }
  const std::vector<SocketAddress>& addresses() const { return running_.addresses; }

 private:
  Result<void> watch_and_load();
  void reload_mesh();
  Result<bool> load_tokens();
  void reload_tokens();
  void announce() const;

  const Options options_;
  const StateDir state_dir_;
  boost::asio::io_context loop_;
  Realm realm_;  // loop thread only once it runs; before that, the starting thread
  XdsService xds_;
  CaService ca_;
  std::unique_ptr<FileWatch> mesh_watch_;   // loop thread only once it runs
  std::unique_ptr<FileWatch> token_watch_;  // likewise
  // The owner's thread only.
  RunningServer running_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>
      keep_running_;
  std::thread thread_;
};

Result<void> ControlPlane::Impl::start() {
  if (auto loaded = watch_and_load(); !loaded) return loaded;
  const auto certificate = realm_.ca().issue_serving(serving_names(options_), WallClock::now());
  if (!certificate) return certificate.error();
  thread_ = std::thread([this] { loop_.run(); });
  auto running = serve(options_.listen, *certificate, xds_, ca_);
  if (!running) return running.error();
  running_ = std::move(*running);
  announce();
  return {};
}

// Watches first, so that no change between reading and watching is lost.
Result<void> ControlPlane::Impl::watch_and_load() {
  auto mesh = FileWatch::open(loop_, options_.config, options_.debounce, [this] { reload_mesh(); });
  if (!mesh) return mesh.error();
  mesh_watch_ = std::move(*mesh);
  auto tokens =
      FileWatch::open(loop_, options_.token_file, options_.debounce, [this] { reload_tokens(); });
  if (!tokens) return tokens.error();
  token_watch_ = std::move(*tokens);
  if (auto loaded = realm_.load_mesh(options_.config); !loaded) return loaded.error();
  if (auto loaded = load_tokens(); !loaded) return loaded.error();
  return {};
}

// Whoever can read a token can have the identities that go with it.
Result<bool> ControlPlane::Impl::load_tokens() {
  if (auto secret = check_private(options_.token_file); !secret) return secret.error();
  return realm_.load_tokens(options_.token_file);
}

void ControlPlane::Impl::reload_mesh() {
  const auto changed = realm_.load_mesh(options_.config);
  if (!changed)
    return log::error(kLog, "mesh file not taken, the earlier version is served on",
                      {log::str("reason", changed.error().detail)});
  if (!*changed) return;
  const auto& snapshot = *realm_.snapshot();
  log::info(kLog, "mesh file read",
            {log::num("addresses", static_cast<std::int64_t>(snapshot.addresses->size())),
             log::num("policies", static_cast<std::int64_t>(snapshot.authorizations->size()))});
  xds_.publish();
}

void ControlPlane::Impl::reload_tokens() {
  const auto changed = load_tokens();
  if (!changed)
    return log::error(kLog, "token file not taken, the earlier tokens stay valid",
                      {log::str("reason", changed.error().detail)});
  if (!*changed) return;
  log::info(kLog, "token file read");
  xds_.reauthenticate();
}

void ControlPlane::Impl::announce() const {
  std::string addresses;
  for (const auto& address : running_.addresses)
    addresses += (addresses.empty() ? "" : ",") + address.to_string();
  log::info(
      kLog, "control plane ready",
      {log::bare("addresses", addresses), log::str("root", state_dir_.certificate_path().string()),
       log::str("token", options_.token_file.string()),
       log::str("trust_domain", options_.trust_domain)});
}

void ControlPlane::Impl::stop() {
  if (!keep_running_) return;
  boost::asio::post(loop_, [this] {
    mesh_watch_.reset();
    token_watch_.reset();
    xds_.close();
  });
  if (running_.server) {
    running_.server->Shutdown(std::chrono::system_clock::now() + kDrain);
    running_.server->Wait();
  }
  // The loop ends when the last stream has: each holds it.
  keep_running_.reset();
  if (thread_.joinable())
    thread_.join();
  else
    loop_.run();
  running_.server.reset();
}

Result<std::unique_ptr<ControlPlane>> ControlPlane::start(Options options) {
  if (auto valid = validate(options); !valid) return valid.error();
  auto state_dir = StateDir::open(options.state_dir);
  if (!state_dir) return state_dir.error();
  auto ca = state_dir->root(options.trust_domain, WallClock::now());
  if (!ca) return ca.error();
  if (options.token_file.empty()) {
    auto token = state_dir->token();
    if (!token) return token.error();
    options.token_file = std::move(*token);
  }
  Realm realm(std::move(*ca), options.trust_domain, options.max_ttl);
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*state_dir), std::move(realm));
  if (auto started = impl->start(); !started) return started.error();
  return std::unique_ptr<ControlPlane>(new ControlPlane(std::move(impl)));
}

ControlPlane::ControlPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlPlane::~ControlPlane() = default;

const std::vector<SocketAddress>& ControlPlane::addresses() const { return impl_->addresses(); }

std::filesystem::path ControlPlane::root_certificate() const {
  return impl_->state_dir().certificate_path();
}

std::filesystem::path ControlPlane::token_file() const { return impl_->options().token_file; }

void ControlPlane::stop() { impl_->stop(); }

}  // namespace culvert::authority
