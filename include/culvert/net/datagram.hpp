// UDP sockets: every system call about making one, and about one that asks, is here. All are
// non-blocking and close-on-exec. Who answers is in datagrams.hpp.
#pragma once

#include <cstddef>

#include "culvert/base/address.hpp"
#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::net {

// A UDP socket bound to `address` inside `netns`, with the mark of `options`, SO_REUSEPORT if
// asked. Errc::unsupported: there is no such address or family here, as with IPv6 switched off.
Result<UniqueFd> bind_udp(const Netns& netns, const SocketAddress& address,
                          const SocketOptions& options, bool reuse_port);

// A UDP socket connected to `server`, marked, with a source port of the kernel's choice: only
// `server` can answer it. `inside` is the namespace it belongs to: one guard serves for many.
Result<UniqueFd> connect_udp(const NetnsGuard& inside, const SocketAddress& server,
                             const SocketOptions& options);

// Sends one datagram on a connected socket. Errc::refused: an earlier one found nobody there.
Result<void> send_datagram(int fd, Bytes datagram);

// What receive_datagram() found.
enum class Received : std::uint8_t { one, none, failed };
struct Datagram {
  Received what = Received::none;  // failed: the other end said that nobody listens there
  std::size_t size = 0;            // bytes of `into`; what does not fit in is cut off
};
Datagram receive_datagram(int fd, MutableBytes into);

}  // namespace culvert::net
