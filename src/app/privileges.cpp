#include "app/privileges.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "culvert/base/unique_fd.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::app {

namespace {

// A capability and what it is for, in the words of the error.
struct Need {
  unsigned capability;
  const char* name;
  const char* purpose;
};
constexpr Need kEnter{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "enter the pods' network namespaces"};
// From Linux 5.17 on CAP_NET_RAW does as well: what decides is whether the kernel does it.
constexpr Need kMark{CAP_NET_ADMIN, "CAP_NET_ADMIN",
                     "mark its own packets and connect from clients' addresses"};

// Whether the capability is in our effective set.
bool is_held(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective & (1U << (capability % 32))) != 0;
}

std::string sentence(const Need& need, const Error& refused) {
  const std::string name = need.name;
  const auto text = "this process may not " + std::string(need.purpose) + ": ";
  if (!is_held(need.capability)) return text + "grant it " + name;
  return text + "it has " + name +
         ", so a seccomp or LSM profile or a user namespace forbids it (" + refused.detail + ")";
}

Result<void> try_namespaces() {
  UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) {
    return fail(Errc::unsupported, fail_errno("open /proc/self/ns/net", errno).detail +
                                       ": mount /proc, on a kernel with network namespaces "
                                       "(CONFIG_NET_NS)");
  }
  const net::Netns netns(std::move(own));
  const auto inside = net::NetnsGuard::enter(netns);
  if (!inside) return inside.error();
  return {};
}

// A kernel without IPv6 has no clients that come from there.
bool has_ipv6() {
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return static_cast<bool>(fd) || errno != EAFNOSUPPORT;
}

// Only binding is tried, from addresses that are never ours; nothing is sent.
Result<void> try_sockets(const Options& options) {
  net::SocketOptions socket;
  socket.mark = options.packet_mark;
  const SocketAddress v4{IpAddress::v4_loopback(), 9};
  const SocketAddress v6{IpAddress::v6_loopback(), 9};
  const bool foreign = options.original_source.value_or(false);
  std::optional<IpAddress> source;
  if (foreign) source = IpAddress::v4(198, 18, 255, 254);
  if (const auto fd = net::dial_socket(net::Netns(), v4, source, socket); !fd) return fd.error();
  if (!foreign || !options.ipv6 || !has_ipv6()) return {};
  source = IpAddress::parse("2001:2::fffe").value();
  if (const auto fd = net::dial_socket(net::Netns(), v6, source, socket); !fd) return fd.error();
  return {};
}

}  // namespace

Result<void> check_privileges(const Options& options) {
  auto namespaces = try_namespaces();
  if (!namespaces && namespaces.error().code != Errc::permission) return namespaces;
  auto sockets = try_sockets(options);
  if (!sockets && sockets.error().code != Errc::permission) return sockets;
  std::string missing;
  if (!namespaces) missing = sentence(kEnter, namespaces.error());
  if (!sockets) {
    if (!missing.empty()) missing += "; ";
    missing += sentence(kMark, sockets.error());
  }
  if (missing.empty()) return {};
  return fail(Errc::permission, std::move(missing));
}

}  // namespace culvert::app
