// The TLS handshake of a connection, over its socket. Each step of it is a burst of CPU work, so
// steps queue: one a turn of the worker.
#pragma once

#include "culvert/hbone/context.hpp"
#include "culvert/hbone/tunnel.hpp"
#include "culvert/net/stream.hpp"
#include "culvert/tls/handshake.hpp"

namespace culvert::hbone {

// Runs `handshake` over `stream` (both outlive the wait) until it is done, fails, or the stream's
// deadline passes. On failure the alert has been sent as far as the socket took it. Errc::tls is
// TLS's own failure; the network's keep their codes (closed, reset, io), Errc::unavailable is the
// deadline.
net::Async<Result<Tunnel::Secured>> secure(net::Worker& worker, net::Stream& stream,
                                           tls::Handshake& handshake);

}  // namespace culvert::hbone
