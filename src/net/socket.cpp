#include "culvert/net/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include "net/socket_steps.hpp"

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

namespace culvert::net {

namespace {

// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST have the same value; the kernel headers that define
// them cannot be included beside netinet/in.h.
constexpr int kOriginalDestination = 80;

int set(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value);
}

// The tuning options: a kernel that lacks one still carries traffic, so failures are not errors.
void tune(int fd, int level, int name, int value) { set(fd, level, name, value); }

Result<UniqueFd> make_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_address("socket", errno);
  tune(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  // An urgent byte is passed on in its place, where it would otherwise be lost.
  tune(fd.get(), SOL_SOCKET, SO_OOBINLINE, 1);
  return fd;
}

// The settings allow more milliseconds (48 days) than the option takes.
int user_timeout_ms(const KeepAlive& keepalive) {
  const std::chrono::milliseconds whole = keepalive.time + keepalive.retries * keepalive.interval;
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  return static_cast<int>(std::min<std::int64_t>(whole.count(), kMost));
}

void apply(int fd, const KeepAlive& keepalive) {
  if (!keepalive.enabled) return;
  const auto time = static_cast<int>(keepalive.time.count());
  const auto interval = static_cast<int>(keepalive.interval.count());
  tune(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  tune(fd, IPPROTO_TCP, TCP_KEEPIDLE, time);
  tune(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
  tune(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive.retries);
  if (keepalive.user_timeout) {
    tune(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms(keepalive));
  }
}

// Both forms where the family is IPv6: a dual-stack socket answers IPv4 clients as well.
Result<void> make_transparent(int fd, int family) {
  const bool v6 = family == AF_INET6;
  if (set(fd, IPPROTO_IP, IP_TRANSPARENT, 1) != 0 && !v6) {
    return fail_errno("IP_TRANSPARENT (needs CAP_NET_ADMIN)", errno);
  }
  if (v6 && set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1) != 0) {
    return fail_errno("IPV6_TRANSPARENT (needs CAP_NET_ADMIN)", errno);
  }
  return {};
}

Result<void> bind_source(int fd, const IpAddress& source) {
  const int family = source.is_v4() ? AF_INET : AF_INET6;
  if (auto done = make_transparent(fd, family); !done) return done.error();
  // Without this the bind reserves a port for every destination, and ports run out.
  tune(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  sockaddr_storage native;
  const auto length = SocketAddress{source, 0}.to_native(native);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&native), length) != 0) {
    return fail_errno("bind to the client's address " + source.to_string(), errno);
  }
  return {};
}

Result<SocketAddress> name_of(int fd, decltype(&::getsockname) ask, std::string_view what) {
  sockaddr_storage native;
  socklen_t length = sizeof native;
  if (ask(fd, reinterpret_cast<sockaddr*>(&native), &length) != 0) return fail_errno(what, errno);
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
}

}  // namespace

Error fail_address(std::string_view what, int error_number) {
  Error error = fail_errno(what, error_number);
  if (error_number == EAFNOSUPPORT || error_number == EADDRNOTAVAIL) error.code = Errc::unsupported;
  return error;
}

Result<void> mark_socket(int fd, const SocketOptions& options) {
  if (!options.mark) return {};
  const std::uint32_t mark = *options.mark;
  if (::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
    return fail_errno("SO_MARK (needs CAP_NET_ADMIN)", errno);
  }
  return {};
}

Result<UniqueFd> listen_tcp(const Netns& netns, const SocketAddress& address,
                            const SocketOptions& options, const ListenOptions& listen) {
  const auto inside = NetnsGuard::enter(netns);
  if (!inside) return inside.error();
  const int family = address.ip.is_v4() ? AF_INET : AF_INET6;
  auto fd = make_socket(family);
  if (!fd) return fd.error();
  tune(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (listen.reuse_port && set(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1) != 0) {
    return fail_errno("SO_REUSEPORT", errno);
  }
  if (family == AF_INET6) tune(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, listen.v6_only ? 1 : 0);
  if (auto done = mark_socket(fd->get(), options); !done) return done.error();
  if (listen.transparent) {
    if (auto done = make_transparent(fd->get(), family); !done) return done.error();
  }
  // Inherited by what is accepted, which saves system calls a connection.
  apply(fd->get(), options.keepalive);
  sockaddr_storage native;
  const auto length = address.to_native(native);
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) {
    return fail_address("bind " + address.to_string(), errno);
  }
  if (::listen(fd->get(), kBacklog) != 0) return fail_errno("listen " + address.to_string(), errno);
  return fd;
}

Result<UniqueFd> dial_socket(const Netns& netns, const SocketAddress& destination,
                             const std::optional<IpAddress>& source, const SocketOptions& options) {
  const auto inside = NetnsGuard::enter(netns);
  if (!inside) return inside.error();
  auto fd = make_socket(destination.ip.is_v4() ? AF_INET : AF_INET6);
  if (!fd) return fd.error();
  if (auto done = mark_socket(fd->get(), options); !done) return done.error();
  apply(fd->get(), options.keepalive);
  if (source && source->is_v4() == destination.ip.is_v4()) {
    if (auto done = bind_source(fd->get(), *source); !done) return done.error();
  }
  return fd;
}

Result<bool> start_connect(int fd, const SocketAddress& destination) {
  sockaddr_storage native;
  const auto length = destination.to_native(native);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&native), length) == 0) return true;
  if (errno == EINPROGRESS) return false;
  return fail_errno("connect " + destination.to_string(), errno);
}

Result<void> connect_result(int fd) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) error_number = errno;
  if (error_number != 0) return fail_errno("connect", error_number);
  return {};
}

void prepare_accepted(int fd, const KeepAlive& keepalive) {
  // TCP_NODELAY and keepalive come from the listener; TCP_USER_TIMEOUT does too on Linux, but only
  // since it is stored in the same place: asked for rarely, so set it rather than rely on that.
  if (keepalive.enabled && keepalive.user_timeout) apply(fd, keepalive);
}

void skip_pacing(int fd) {
  char name[16] = {};
  socklen_t length = sizeof name;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) != 0) return;
  if (!std::string_view(name, strnlen(name, sizeof name)).starts_with("bbr")) return;
  // The one that every kernel has and allows to everybody.
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", sizeof "reno" - 1);
}

Result<SocketAddress> original_destination(int fd) {
  sockaddr_storage native;
  socklen_t length = sizeof native;
  if (::getsockopt(fd, SOL_IP, kOriginalDestination, &native, &length) == 0) {
    return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
  }
  length = sizeof native;
  if (::getsockopt(fd, SOL_IPV6, kOriginalDestination, &native, &length) == 0) {
    return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
  }
  return local_address(fd);
}

Result<SocketAddress> local_address(int fd) { return name_of(fd, &::getsockname, "getsockname"); }

Result<SocketAddress> peer_address(int fd) { return name_of(fd, &::getpeername, "getpeername"); }

void discard_input(int fd) {
  std::array<std::uint8_t, 16384> nowhere;
  for (int i = 0; i < 16; ++i)
    if (::recv(fd, nowhere.data(), nowhere.size(), MSG_DONTWAIT) <= 0) return;
}

void reset_on_close(int fd) {
  const linger abrupt{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
}

}  // namespace culvert::net
