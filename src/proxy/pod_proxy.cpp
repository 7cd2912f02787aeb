#include "proxy/pod_proxy.hpp"

#include <algorithm>

#include "culvert/base/log.hpp"
#include "proxy/dns/server.hpp"

namespace culvert::proxy {

namespace {
const log::Target kLog("proxy::pod");
}  // namespace

PodProxy::PodProxy(Environment& environment, PodInfo info, net::Netns netns,
                   std::function<void()> on_idle)
    : environment_(environment),
      info_(std::move(info)),
      netns_(netns),
      socket_(environment.settings.socket),
      on_idle_(std::move(on_idle)),
      pool_(environment.tunnels, hbone::DialSettings{netns, environment.settings.socket}),
      traffic_(environment.traffic),
      handshakes_(environment.settings.max_handshakes) {
  if (info_.own) socket_.mark.reset();  // it tells redirection whose packets are whose
}

PodProxy::~PodProxy() = default;

Result<std::unique_ptr<net::Listener>> PodProxy::listen(std::uint16_t port, bool transparent,
                                                        std::string_view name, Handler handler) {
  const bool v6 = settings().ipv6;
  net::ListenOptions options;
  options.reuse_port = settings().reuse_port;
  options.transparent = transparent;
  auto fd = net::listen_tcp(netns_, SocketAddress{v6 ? IpAddress::v6_any() : IpAddress(), port},
                            socket_, options);
  if (!fd && v6 && fd.error().code == Errc::unsupported) {  // IPv6 is switched off
    fd = net::listen_tcp(netns_, SocketAddress{IpAddress(), port}, socket_, options);
  }
  if (!fd) return fd.error();
  // Who comes in here is in the pod; what is accepted takes it over.
  if (port == settings().outbound_port) net::skip_pacing(fd->get());
  auto accept = [this, handler](UniqueFd client, const SocketAddress& peer) {
    net::prepare_accepted(client.get(), socket_.keepalive);
    net::spawn(worker(), handler(*this, Attempt(*this), std::move(client), peer));
  };
  auto listener = std::make_unique<net::Listener>(
      worker(), std::move(*fd), std::string(name) + " of " + info_.to_string(), std::move(accept));
  if (auto started = listener->start(); !started) return started.error();
  return listener;
}

Result<void> PodProxy::start() {
  auto started = start_listeners();
  if (started) started = start_dns();
  if (!started) {
    listeners_.clear();
    dns_.reset();
  }
  return started;
}

Result<void> PodProxy::start_dns() {
  if (!settings().dns || info_.own) return {};  // nothing asks in our own pod
  dns_ = std::make_unique<DnsServer>(*this, *settings().dns);
  return dns_->start();
}

Result<void> PodProxy::start_listeners() {
  struct Wanted {
    std::uint16_t port;
    std::string_view name;
    Handler handler;
  };
  std::vector<Wanted> wanted = {{settings().inbound_port, "inbound", serve_hbone}};
  if (!info_.own) {
    wanted.push_back({settings().outbound_port, "outbound", serve_outbound});
    wanted.push_back({settings().inbound_plaintext_port, "inbound plaintext", serve_plaintext});
  }
  spoof_ = !info_.own && settings().original_source != OriginalSource::off;
  judged_as_ = workload();
  for (const auto& one : wanted) {
    auto listener = listen(one.port, spoof_, one.name, one.handler);
    if (!listener && spoof_ && listener.error().code == Errc::permission &&
        settings().original_source == OriginalSource::automatic) {
      spoof_ = false;
      log::warn(kLog, "applications of this pod will not see their clients' addresses",
                {log::str("pod", info_.to_string()), log::str("error", listener.error().detail)});
      listener = listen(one.port, false, one.name, one.handler);
    }
    if (!listener) return listener.error();
    listeners_.push_back(std::move(*listener));
  }
  return {};
}

void PodProxy::drain() {
  if (draining_) return;
  draining_ = true;
  const Attempt all_of_this(*this);  // idle only when everybody who has connected is let in
  for (auto& listener : listeners_) listener->close();
  listeners_.clear();
  if (dns_) dns_->drain();
  for (auto& [raw, inbound] : inbound_tunnels_) raw->shut_down();
}

void PodProxy::stop(const Error& reason) {
  stopped_ = true;
  listeners_.clear();  // who has connected and was not accepted yet is cut, too
  if (dns_) dns_->stop();
  drain();
  for (auto* waiter : std::exchange(waiting_, {})) waiter->set(false);
  handshakes_.cancel(reason);
  for (auto& waiting : stoppable_) waiting.cancellation().cancel(reason);
  for (auto it = connections_.begin(); it != connections_.end();) (it++)->cut(reason);
  for (auto& [raw, inbound] : inbound_tunnels_) raw->cut(h2::ErrorCode::cancel, std::nullopt);
  pool_closed_ = true;
  pool_.cut(reason);
  check_idle();
}

// Idle is announced from the worker's queue: the caller may still stand inside this object.
void PodProxy::check_idle() {
  if (!draining_ || attempts_ != 0 || !connections_.empty()) return;
  if (!pool_closed_) {
    pool_closed_ = true;
    pool_.shut_down();
  }
  if (idle_announced_ || !inbound_tunnels_.empty()) return;
  if (!pool_.empty()) {
    // The pool does not report; look again shortly. Only while going away.
    net::spawn(worker(), [](net::Worker& worker, Attempt) -> net::Async<void> {
      co_await net::sleep_for(worker, std::chrono::milliseconds(10));
    }(worker(), Attempt(*this)));
    return;
  }
  idle_announced_ = true;
  worker().post(on_idle_);
}

// Not what listens on our loopback, nor any other port of ours: they trust whoever reaches them.
bool PodProxy::serves(const state::InboundTarget& target) const {
  return !info_.own || (target.next_hop.port == settings().own_port && !target.loopback);
}

h2::Stream* PodProxy::on_request(hbone::Tunnel& tunnel, const h2::Request& request) {
  return accept_stream(*this, tunnel, request);
}

void PodProxy::adopt(std::unique_ptr<hbone::Tunnel> tunnel, OpenSocket socket) {
  auto* raw = tunnel.get();
  inbound_tunnels_.emplace(raw, InboundTunnel{std::move(tunnel), std::move(socket)});
  if (stopped_) {
    raw->cut(h2::ErrorCode::cancel, std::nullopt);
  } else if (draining_) {
    raw->shut_down();
  }
}

void PodProxy::on_tunnel_draining(hbone::Tunnel&) {}

void PodProxy::on_tunnel_closed(hbone::Tunnel& tunnel, const Error* reason) {
  if (reason != nullptr) {
    log::info(
        kLog, "inbound tunnel ended",
        {log::str("pod", info_.to_string()), log::bare("peer.addr", tunnel.remote.to_string()),
         log::str("error", reason->detail)});
  }
  inbound_tunnels_.erase(&tunnel);
  check_idle();
}

state::WorkloadPtr PodProxy::workload() const {
  return environment_.store.view().local_workload(info_.namespace_, info_.name,
                                                  info_.service_account);
}

net::Async<state::WorkloadPtr> PodProxy::await_workload() {
  const TimePoint deadline = environment_.tunnels.worker.now() + settings().workload_timeout;
  for (;;) {
    if (stopped_) co_return nullptr;  // first: nobody would end what begins now
    if (auto found = workload()) co_return found;
    net::OneShot<bool> changed(worker());
    net::Timer timer([&changed] { changed.set(false); });
    timer.arm(worker().timers(), deadline);
    waiting_.push_back(&changed);
    const bool again = co_await changed.wait();
    std::erase(waiting_, &changed);
    if (!again) co_return nullptr;
  }
}

Error PodProxy::why_no_workload() const {
  if (stopped_) return fail(Errc::cancelled, "the pod " + info_.to_string() + " is going away");
  return fail(Errc::unavailable,
              "failed to fetch information about local workload " + info_.to_string());
}

void PodProxy::on_state_change(bool policies, bool local_workloads) {
  for (auto* waiter : std::exchange(waiting_, {})) waiter->set(true);
  if (dns_) dns_->on_state_change();
  if (!policies && !local_workloads) return;
  auto current = workload();
  if (!policies && current == judged_as_) return;  // a neighbour's record
  judged_as_ = std::move(current);
  to_recheck_ = connections_.size();
}

const std::string& PodProxy::baggage(const state::WorkloadPtr& workload) {
  if (workload != baggage_of_) {
    baggage_of_ = workload;
    baggage_ = hbone::baggage_of(*workload);
  }
  return baggage_;
}

metrics::TrafficCounters& PodProxy::counters(const Facts& facts) { return traffic_.get(facts); }

}  // namespace culvert::proxy
