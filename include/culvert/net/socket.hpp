// Making and asking TCP sockets: every system call about them is here. All are non-blocking and
// close-on-exec, with TCP_NODELAY and SO_OOBINLINE.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/netns.hpp"

namespace culvert::net {

// TCP keepalive of application and peer sockets; on by default as in the reference ztunnel.
struct KeepAlive {
  bool enabled = true;
  std::chrono::seconds time{180};
  std::chrono::seconds interval{180};
  int retries = 9;
  bool user_timeout = false;  // also TCP_USER_TIMEOUT = time + retries * interval
};

// How the sockets of one pod are made.
struct SocketOptions {
  std::optional<std::uint32_t> mark;  // SO_MARK, which exempts a socket from redirection
  KeepAlive keepalive;
};

// Connections that the kernel keeps for a listener until they are accepted.
inline constexpr int kBacklog = 1024;

// A listening socket bound to `address` inside `netns`, SO_REUSEPORT if asked. `transparent`:
// accept for addresses that are not ours (IP_TRANSPARENT), needed to answer as the client; its
// failure is an error. Errors say what could not be done; Errc::unsupported: there is no such
// address or no such family of addresses here, as with IPv6 switched off.
struct ListenOptions {
  bool reuse_port = true;
  bool transparent = false;
  bool v6_only = false;
};
Result<UniqueFd> listen_tcp(const Netns& netns, const SocketAddress& address,
                            const SocketOptions& options, const ListenOptions& listen);

// An unconnected socket made inside `netns` for dialling `destination`. With `source`, it will
// connect from that foreign address (IP_TRANSPARENT, port chosen at connect time): if that cannot
// be had, Errc::permission. Connect with start_connect().
Result<UniqueFd> dial_socket(const Netns& netns, const SocketAddress& destination,
                             const std::optional<IpAddress>& source, const SocketOptions& options);

// Begins connecting; true when already connected, false when in progress.
Result<bool> start_connect(int fd, const SocketAddress& destination);
// The outcome of a connect in progress, once the socket is writable (SO_ERROR).
Result<void> connect_result(int fd);

// Reads away what waits in a socket that is to be closed, 256 KiB at most: closing it with unread
// input would be a reset, which takes with it what the other end has not received yet.
void discard_input(int fd);

// Options of an accepted connection (SO_MARK is inherited from the listener).
void prepare_accepted(int fd, const KeepAlive& keepalive);

// For a socket whose other end is in the same pod, listening or connected: no pacing. Where the
// node's congestion control paces (bbr), each burst costs a timer and a wake-up, which a path
// without a wire gains nothing from (docs/decisions/0010-local-hops-are-not-paced.md).
void skip_pacing(int fd);

// Where a redirected connection wanted to go: SO_ORIGINAL_DST, then its IPv6 form, else the local
// address. Canonical.
Result<SocketAddress> original_destination(int fd);
Result<SocketAddress> local_address(int fd);
Result<SocketAddress> peer_address(int fd);

// Ends with RST instead of FIN when the descriptor is closed: what a client sees of a connection
// that was refused or cut.
void reset_on_close(int fd);

}  // namespace culvert::net
