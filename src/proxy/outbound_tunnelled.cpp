#include "proxy/outbound_tunnelled.hpp"

#include <array>

#include "culvert/base/log.hpp"
#include "proxy/http_status.hpp"

namespace culvert::proxy {

// An allocator's size class; a node holds tens of thousands of these (bench/mesh idle).
static_assert(sizeof(OutboundTunnelled) <= 384);

namespace {

const log::Target kLog("proxy::outbound");

// How often a request is made that peers refuse unseen.
constexpr int kAttempts = 2;

// What the failure to get a tunnel most likely means.
Error explained(const Error& error) {
  if (error.code != Errc::timed_out) return error;
  return Error(
      error.code,
      "connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: " + error.detail);
}

}  // namespace

OutboundTunnelled::OutboundTunnelled(PodProxy& pod, Facts facts, UniqueFd client)
    : Connection(std::move(facts), pod.worker().now()),
      pod_(pod),
      relay_(pod.worker(), *this),
      client_(std::move(client)) {
  pod.socket_gauge(facts_.reporter).add();
  pod.add_connection(*this);
  opened(pod.counters(facts_));
}

net::Async<void> OutboundTunnelled::run(state::OutboundDecision decision) {
  auto connected = co_await connect(decision);
  if (!connected) {
    fail(connected.error());
    co_return;
  }
  started_ = true;
  relay_.start(std::move(client_));
}

net::Async<Result<void>> OutboundTunnelled::connect(const state::OutboundDecision& decision) {
  TimePoint deadline;  // of all attempts together
  for (int attempt = 1;; ++attempt) {
    auto key = pool_key(decision);
    auto tunnel = co_await pod_.pool().checkout(std::move(key));
    if (failure_) co_return *failure_;
    if (!tunnel) {
      dialling_ = true;
      co_return explained(tunnel.error());
    }
    if (auto sent = request(**tunnel, decision.authority); !sent) co_return sent.error();
    if (attempt == 1)
      deadline = pod_.worker().now() + pod_.environment().tunnels.settings.response_timeout;
    auto response = co_await relay_.response(deadline);
    if (failure_) co_return *failure_;
    // A peer that is going away, or takes fewer streams than it says: through another tunnel, then.
    if (!response && relay_.refused() && attempt < kAttempts) continue;
    if (!response) co_return response.error();
    if (response->status != 200) {
      // Also 401: it was the peer who denied, and counts that as such.
      co_return culvert::fail(Errc::refused, "http status: " + http_status_text(response->status));
    }
    co_return Result<void>();
  }
}

hbone::PoolKey OutboundTunnelled::pool_key(const state::OutboundDecision& decision) const {
  hbone::PoolKey key;
  key.source = facts_.source_workload->identity();
  key.expected = decision.expected;
  key.source_ip = facts_.source.ip;
  key.destination = decision.dial;
  return key;
}

Result<void> OutboundTunnelled::request(hbone::Tunnel& tunnel, std::string_view authority) {
  if (tunnel.peer().identity) {
    facts_.peer = *tunnel.peer().identity;
    facts_.peer_is_known = true;
  }
  const auto service = facts_.service ? facts_.service->hostname.view() : std::string_view();
  const auto forwarded = hbone::forwarded_header(facts_.source, service);
  const auto traceparent = hbone::make_traceparent(pod_.worker().random());
  const std::array<h2::Header, 3> headers = {{
      {"baggage", pod_.baggage(facts_.source_workload)},
      {"forwarded", forwarded},
      {"traceparent", traceparent},
  }};
  if (kLog.enabled(log::Level::debug)) {
    log::debug(kLog, "CONNECT",
               {log::bare("src.addr", facts_.source.to_string()),
                log::bare("peer.addr", tunnel.remote.to_string()), log::str("authority", authority),
                log::str("traceparent", traceparent)});
  }
  return relay_.request(tunnel, authority, headers);
}

void OutboundTunnelled::fail(Error error) {
  if (!failure_) failure_ = std::make_unique<Error>(std::move(error));
  close_client();
  if (!relay_.abandon()) on_relay_end(nullptr);
}

void OutboundTunnelled::close_client() {
  if (client_) net::reset_on_close(client_.get());
  client_.reset();
}

void OutboundTunnelled::cut(Error reason) {
  if (started_) {
    relay_.cut(std::move(reason));
  } else if (!failure_) {
    failure_ = std::make_unique<Error>(std::move(reason));
    close_client();  // now: what is being opened may take long to notice
  }
}

void OutboundTunnelled::on_bytes(std::uint64_t to_tunnel, std::uint64_t to_app) {
  if (to_tunnel != 0) counters().received(to_tunnel);
  if (to_app != 0) counters().sent(to_app);
}

void OutboundTunnelled::on_relay_end(const Error* error) {
  PodProxy& pod = pod_;
  pod.socket_gauge(facts_.reporter).sub();
  if (failure_) error = failure_.get();
  closed(relay_.bytes_to_tunnel(), relay_.bytes_to_app(), error, pod.worker().now(), dialling_);
  delete this;
  pod.check_idle();
}

}  // namespace culvert::proxy
