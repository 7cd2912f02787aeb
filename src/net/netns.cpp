#include "culvert/net/netns.hpp"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace culvert::net {

namespace {

// The namespace the process started in: every thread is there whenever no guard lives.
int home() {
  static const int fd = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  return fd;
}

}  // namespace

Result<NetnsGuard> NetnsGuard::enter(const Netns& target) {
  if (target.fd() < 0) return NetnsGuard(false);
  if (home() < 0) return fail_errno("open /proc/self/ns/net", errno);
  if (::setns(target.fd(), CLONE_NEWNET) != 0) {
    return fail_errno("enter the pod's network namespace (needs CAP_SYS_ADMIN)", errno);
  }
  return NetnsGuard(true);
}

NetnsGuard::NetnsGuard(NetnsGuard&& other) noexcept
    : inside_(std::exchange(other.inside_, false)) {}

NetnsGuard::~NetnsGuard() {
  if (!inside_) return;
  if (::setns(home(), CLONE_NEWNET) != 0) {
    std::perror("culvert: cannot leave a pod's network namespace");
    std::abort();
  }
}

}  // namespace culvert::net
