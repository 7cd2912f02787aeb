#include "culvert/hbone/pool.hpp"

#include <algorithm>

#include "culvert/base/log.hpp"
#include "culvert/hbone/secure.hpp"

namespace culvert::hbone {

namespace {
const log::Target kLog("hbone::pool");
// How long a peer that lets nobody open a stream is not dialled again.
constexpr auto kNextTry = std::chrono::seconds(5);
}  // namespace

std::size_t PoolKeyHash::operator()(const PoolKey& key) const noexcept {
  std::size_t hash = std::hash<SocketAddress>{}(key.destination);
  hash = hash * 31 + std::hash<Identity>{}(key.source);
  hash = hash * 31 + std::hash<IpAddress>{}(key.source_ip);
  for (const auto& identity : key.expected) hash = hash * 31 + std::hash<Identity>{}(identity);
  return hash;
}

Pool::Pool(Context& context, DialSettings dial)
    : context_(context), dial_(std::move(dial)), sweep_([this] { release_unused(); }) {}

Pool::~Pool() = default;

std::size_t Pool::tunnels() const {
  std::size_t n = 0;
  for (const auto& [key, entry] : entries_) n += entry.tunnels.size();
  return n;
}

// The fullest tunnel that still has room, so that the others can fall idle and go.
Tunnel* Pool::pick(Entry& entry) {
  Pooled* best = nullptr;
  for (auto& pooled : entry.tunnels) {
    if (!pooled.tunnel->usable()) continue;
    const auto& session = pooled.tunnel->session();
    const auto limit =
        std::min<std::size_t>(context_.settings.max_streams, pooled.tunnel->stream_limit());
    if (session.active_streams() >= limit) continue;
    if (best == nullptr || session.active_streams() > best->tunnel->session().active_streams()) {
      best = &pooled;
    }
  }
  if (best == nullptr) return nullptr;
  best->last_used = context_.worker.now();
  return best->tunnel.get();
}

// Another tunnel may well be no better, and one a connection is more than anybody can bear: the
// next is tried when the newest has had its time.
bool Pool::takes_none(const Entry& entry) const {
  if (entry.tunnels.empty()) return false;
  const auto& newest = entry.tunnels.back();
  return newest.tunnel->usable() && newest.tunnel->takes_none() &&
         context_.worker.now() - newest.made < kNextTry;
}

net::Async<Result<Tunnel*>> Pool::checkout(PoolKey key) {
  for (;;) {
    if (closing_) co_return fail(Errc::cancelled, "the proxy of this pod is shutting down");
    Entry& entry = entries_[key];
    if (Tunnel* tunnel = pick(entry)) co_return tunnel;
    if (takes_none(entry)) {
      co_return fail(Errc::unavailable,
                     "the peer lets nobody open a stream (SETTINGS_MAX_CONCURRENT_STREAMS is 0)");
    }
    if (entry.dial == nullptr) {
      co_return co_await dial_and_share(key);
    }
    net::OneShot<Result<void>> dialled(context_.worker);
    entry.waiters.push_back(&dialled);
    auto outcome = co_await dialled.wait();
    if (!outcome) co_return outcome.error();
  }
}

net::Async<Result<Tunnel*>> Pool::dial_and_share(PoolKey key) {
  net::Cancellation cancellation;
  entries_[key].dial = &cancellation;
  ++dials_;
  auto made = co_await dial(key, cancellation);
  --dials_;
  Entry& entry = entries_[key];  // the map may have moved meanwhile, entries do not vanish
  entry.dial = nullptr;
  Result<Tunnel*> result = fail(Errc::cancelled, "the proxy of this pod is shutting down");
  if (cancellation.reason() != nullptr) {
    result = *cancellation.reason();
  } else if (!made) {
    result = made.error();
  } else if (!closing_) {
    result = made->get();
    const TimePoint now = context_.worker.now();
    entry.tunnels.push_back({std::move(*made), now, now});
    if (!sweep_.armed()) {
      sweep_.arm(context_.worker.timers(),
                 context_.worker.now() + context_.settings.unused_release / 4);
    }
  }
  // All who waited learn the outcome now: one failed dial must not make a convoy of timeouts.
  for (auto* waiter : std::exchange(entry.waiters, {})) {
    waiter->set(result ? Result<void>() : Result<void>(result.error()));
  }
  if (!result) drop_if_unused(key);
  co_return result;
}

net::Async<Result<std::unique_ptr<Tunnel>>> Pool::dial(const PoolKey& key,
                                                       net::Cancellation& cancellation) {
  net::Worker& worker = context_.worker;
  const TimePoint start = worker.now();
  auto certificate = co_await certificate_of(
      context_, key.source, start + context_.settings.connect_timeout, &cancellation);
  if (!certificate) co_return certificate.error();
  auto fd = co_await net::dial(worker, dial_.netns, key.destination, std::nullopt, dial_.socket,
                               worker.now() + context_.settings.connect_timeout, &cancellation);
  if (!fd) co_return fd.error();
  auto local = net::local_address(fd->get());
  auto tls_context = context_.contexts.client(key.source, *certificate);
  if (!tls_context) co_return tls_context.error();
  auto handshake = tls::Handshake::client(**tls_context, key.expected);
  if (!handshake) co_return handshake.error();
  net::Stream stream(worker, std::move(*fd));
  stream.set_deadline(worker.now() + context_.settings.handshake_timeout);
  const net::Cancellation::Scope scope(&cancellation,
                                       [&stream](const Error& e) { stream.cancel(e); });
  auto secured = co_await secure(worker, stream, **handshake);
  if (!secured) co_return secured.error();
  auto tunnel = std::make_unique<Tunnel>(context_, h2::Role::client, stream.release(),
                                         std::move(*secured), *this);
  tunnel->remote = key.destination;
  if (local) tunnel->local = *local;
  if (auto started = tunnel->start(); !started) co_return started.error();
  co_return tunnel;
}

void Pool::release_unused() {
  const TimePoint now = context_.worker.now();
  bool any = false;
  for (auto& [key, entry] : entries_) {
    for (auto& pooled : entry.tunnels) {
      any = true;
      const bool idle = now - pooled.last_used >= context_.settings.unused_release;
      if (idle && pooled.tunnel->usable()) pooled.tunnel->shut_down();
    }
  }
  if (any) sweep_.arm(context_.worker.timers(), now + context_.settings.unused_release / 4);
}

void Pool::shut_down() {
  closing_ = true;
  for (auto& [key, entry] : entries_) {
    for (auto& pooled : entry.tunnels) pooled.tunnel->shut_down();
  }
}

void Pool::cut(const Error& reason) {
  closing_ = true;
  for (auto& [key, entry] : entries_) {
    for (auto& pooled : entry.tunnels) pooled.tunnel->cut(h2::ErrorCode::internal_error, reason);
    if (entry.dial != nullptr) entry.dial->cancel(reason);
  }
}

void Pool::drop_if_unused(const PoolKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (entry.tunnels.empty() && entry.dial == nullptr && entry.waiters.empty())
    entries_.erase(found);
}

// A peer has no business opening streams towards a client.
h2::Stream* Pool::on_request(Tunnel&, const h2::Request&) { return nullptr; }

void Pool::on_tunnel_draining(Tunnel&) {}  // usable() says so at the next checkout

void Pool::on_tunnel_closed(Tunnel& tunnel, const Error* reason) {
  if (reason != nullptr) {
    log::info(
        kLog, "tunnel ended",
        {log::bare("peer.addr", tunnel.remote.to_string()), log::str("error", reason->detail)});
  }
  for (auto& [key, entry] : entries_) {
    const auto same = [&tunnel](const Pooled& p) { return p.tunnel.get() == &tunnel; };
    if (std::erase_if(entry.tunnels, same) == 0) continue;
    drop_if_unused(PoolKey(key));
    return;
  }
}

}  // namespace culvert::hbone
