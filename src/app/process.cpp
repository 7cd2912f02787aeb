#include "app/process.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

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

void protect_memory() {
  if (::prctl(PR_SET_DUMPABLE, 0) == 0) return;
  log::warn(kLog, "cannot switch core dumps off",
            {log::str("error", fail_errno("PR_SET_DUMPABLE", errno).detail)});
}

void release_startup_pages() {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  unsigned long begin = 0;
  unsigned long end = 0;
  bool read_only_file = false;
  while (std::getline(maps, line)) {
    char flags[5] = {};
    unsigned long first = 0;
    unsigned long last = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &first, &last, flags) == 3) {
      begin = first;
      end = last;
      const std::string_view access(flags);
      read_only_file =
          (access == "r-xp" || access == "r--p") && line.find('/') != std::string::npos;
      continue;
    }
    // Pages with private copies (relocated ones) must stay: nothing could bring them back.
    unsigned long anonymous = 1;
    if (std::sscanf(line.c_str(), "Anonymous: %lu kB", &anonymous) != 1) continue;
    // A kernel that refuses keeps the pages; nothing is lost.
    if (read_only_file && anonymous == 0) {
      ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
  }
  ::malloc_trim(0);
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
