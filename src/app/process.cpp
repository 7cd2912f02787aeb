#include "app/process.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "culvert/base/log.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::app {

namespace {
const log::Target kLog("app");
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur == limit.rlim_max) return;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log::warn(kLog, "cannot raise the limit of open files",
              {log::str("error", fail_errno("setrlimit", errno).detail)});
    return;
  }
  log::info(kLog, "raised the limit of open files",
            {log::num("from", static_cast<std::int64_t>(before)),
             log::num("to", static_cast<std::int64_t>(limit.rlim_max))});
}

Result<void> check_privileges(const Options& options) {
  UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return fail_errno("open /proc/self/ns/net", errno);
  const net::Netns netns(std::move(own));
  if (const auto inside = net::NetnsGuard::enter(netns); !inside) {
    return fail(Errc::permission,
                "cannot enter network namespaces; grant the capability SYS_ADMIN (" +
                    inside.error().detail + ")");
  }
  net::SocketOptions socket;
  socket.mark = options.packet_mark;
  const SocketAddress anywhere{IpAddress::v4_loopback(), 9};
  if (const auto fd = net::dial_socket(net::Netns(), anywhere, std::nullopt, socket); !fd) {
    return fail(Errc::permission,
                "cannot mark sockets; grant the capability NET_ADMIN (" + fd.error().detail + ")");
  }
  if (options.original_source.value_or(false)) {
    const auto source = IpAddress::v4(198, 18, 255, 254);  // never ours: only binding is tried
    if (const auto fd = net::dial_socket(net::Netns(), anywhere, source, socket); !fd) {
      return fail(Errc::permission,
                  "ENABLE_ORIG_SRC=true, but connecting from clients' addresses is not possible; "
                  "grant the capability NET_ADMIN (" +
                      fd.error().detail + ")");
    }
  }
  return {};
}

}  // namespace culvert::app
