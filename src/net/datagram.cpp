#include "culvert/net/datagram.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/socket_steps.hpp"

namespace culvert::net {

namespace {

Result<UniqueFd> make_udp(const IpAddress& address, const SocketOptions& options) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_address("socket", errno);
  if (auto done = mark_socket(fd.get(), options); !done) return done.error();
  return fd;
}

Result<void> set(int fd, int level, int name, std::string_view what) {
  constexpr int kOn = 1;
  if (::setsockopt(fd, level, name, &kOn, sizeof kOn) != 0) return fail_errno(what, errno);
  return {};
}

// A socket for every address has to be told with each datagram which one it came to: that is the
// one that has to answer.
Result<void> ask_for_destination(int fd, const IpAddress& address) {
  if (!address.is_unspecified()) return {};
  if (address.is_v4()) return set(fd, IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO");
  return set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO");
}

}  // namespace

Result<UniqueFd> bind_udp(const Netns& netns, const SocketAddress& address,
                          const SocketOptions& options, bool reuse_port) {
  const auto inside = NetnsGuard::enter(netns);
  if (!inside) return inside.error();
  auto fd = make_udp(address.ip, options);
  if (!fd) return fd.error();
  if (reuse_port) {
    if (auto done = set(fd->get(), SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"); !done)
      return done.error();
  }
  if (auto done = ask_for_destination(fd->get(), address.ip); !done) return done.error();
  sockaddr_storage native;
  const auto length = address.to_native(native);
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) {
    return fail_address("bind UDP " + address.to_string(), errno);
  }
  return fd;
}

Result<UniqueFd> connect_udp(const NetnsGuard&, const SocketAddress& server,
                             const SocketOptions& options) {
  auto fd = make_udp(server.ip, options);
  if (!fd) return fd.error();
  sockaddr_storage native;
  const auto length = server.to_native(native);
  if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) {
    return fail_errno("connect UDP " + server.to_string(), errno);
  }
  return fd;
}

Result<void> send_datagram(int fd, Bytes datagram) {
  while (::send(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return fail_errno("send", errno);
  }
  return {};
}

Datagram receive_datagram(int fd, MutableBytes into) {
  for (;;) {
    const auto n = ::recv(fd, into.data(), into.size(), 0);
    if (n >= 0) return {Received::one, static_cast<std::size_t>(n)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? Received::none : Received::failed, 0};
  }
}

}  // namespace culvert::net
