// What all tunnels of one worker share: buffers, TLS contexts by identity, settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"
#include "culvert/h2/session.hpp"
#include "culvert/net/cancellation.hpp"
#include "culvert/net/worker.hpp"
#include "culvert/tls/certificate_source.hpp"
#include "culvert/tls/context.hpp"

namespace culvert::hbone {

// Constant after start; the same in all workers.
struct TunnelSettings {
  h2::Settings client = h2::Settings::defaults(h2::Role::client);
  h2::Settings server = h2::Settings::defaults(h2::Role::server);
  tls::TlsOptions tls;
  // Streams that we put on one connection, at most; the peer's own limit applies too.
  std::uint32_t max_streams = 100;
  // A pooled connection that was not asked for so long leaves the pool.
  Duration unused_release = std::chrono::minutes(5);
  // A silent peer is asked with PING after this, and given up when it does not answer in time.
  Duration ping_interval = std::chrono::seconds(10);
  Duration ping_timeout = std::chrono::seconds(20);
  // Bounds of the steps that a peer can drag out.
  Duration connect_timeout = std::chrono::seconds(10);
  Duration handshake_timeout = std::chrono::seconds(10);
  Duration response_timeout = std::chrono::seconds(60);
};

// SSL_CTX by identity, made once per certificate instead of once per connection. One worker.
class TlsContexts {
 public:
  explicit TlsContexts(const tls::TlsOptions& options) : options_(options) {}

  // The context of `certificate`, made anew when it is not the one of the last call (rotation).
  // Valid until the next call for the same identity.
  Result<const tls::ClientContext*> client(
      const Identity& identity, const std::shared_ptr<const tls::Certificate>& certificate);
  Result<const tls::ServerContext*> server(
      const Identity& identity, const std::shared_ptr<const tls::Certificate>& certificate);
  // Drops what belongs to `identity`: its last pod is gone.
  void forget(const Identity& identity);

 private:
  tls::TlsOptions options_;
  std::unordered_map<Identity, std::unique_ptr<tls::ClientContext>> clients_;
  std::unordered_map<Identity, std::unique_ptr<tls::ServerContext>> servers_;
};

// One per worker; outlives the worker's tunnels.
struct Context {
  Context(net::Worker& w, const TunnelSettings& s, tls::CertificateSource& c)
      : worker(w), settings(s), certificates(c), contexts(s.tls) {}

  net::Worker& worker;
  const TunnelSettings settings;
  tls::CertificateSource& certificates;
  TlsContexts contexts;
  h2::FrameBuffer frames;
};

// The certificate of `identity`: at once when there is one, else as soon as the source has it.
// Errc::identity when it cannot be had or `deadline` passes; the reason of `cancellation` (may be
// null; outlives the wait) when that comes first.
net::Async<Result<std::shared_ptr<const tls::Certificate>>> certificate_of(
    Context& context, Identity identity, TimePoint deadline,
    net::Cancellation* cancellation = nullptr);

}  // namespace culvert::hbone
