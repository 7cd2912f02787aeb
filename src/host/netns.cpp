#include "culvert/host/netns.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <thread>

namespace culvert::host {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Error open_error(const NetnsRef& ref, const std::string& path, int error_number) {
  const auto who = ref.describe();
  if (error_number == ENOENT || error_number == ESRCH) {
    switch (ref.kind) {
      case NetnsRef::Kind::name:
        return fail(Errc::not_found,
                    who + ": no file " + path + "; `ip netns list` shows the names");
      case NetnsRef::Kind::pid:
        return fail(Errc::not_found, who + ": no such process");
      case NetnsRef::Kind::path:
        return fail(Errc::not_found, who + ": no such file");
    }
  }
  if (error_number == EACCES || error_number == EPERM)
    return fail(Errc::permission, who + ": may not open " + path + ": run as root");
  return fail_errno(who + ": open " + path, error_number);
}

}  // namespace

Result<std::string> NetnsRef::path() const {
  switch (kind) {
    case Kind::name:
      if (value.empty() || value.find('/') != std::string::npos || value.starts_with("."))
        return fail(Errc::invalid, "\"" + value + "\" is not the name of a network namespace");
      return "/var/run/netns/" + value;
    case Kind::pid:
      if (!all_digits(value) || value.size() > 10)
        return fail(Errc::invalid, "\"" + value + "\" is not a process id");
      return "/proc/" + value + "/ns/net";
    case Kind::path:
      if (!value.starts_with("/"))
        return fail(Errc::invalid, "\"" + value + "\" is not an absolute path");
      return value;
  }
  return fail(Errc::invalid, "unknown kind of namespace");
}

std::string NetnsRef::describe() const {
  switch (kind) {
    case Kind::name:
      return "namespace " + value;
    case Kind::pid:
      return "process " + value;
    case Kind::path:
      break;
  }
  return value;
}

Result<NetnsId> netns_id(int fd) {
  // An ioctl number only nsfs knows: every other file answers ENOTTY.
  if (::ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
    return fail(Errc::invalid, "not a network namespace");
  struct stat info{};
  if (::fstat(fd, &info) != 0) return fail_errno("fstat of a namespace", errno);
  return NetnsId{info.st_dev, info.st_ino};
}

Result<Netns> Netns::open(const NetnsRef& ref) {
  const auto path = ref.path();
  if (!path) return path.error();
  Netns netns;
  netns.fd_.reset(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!netns.fd_) return open_error(ref, *path, errno);
  const auto id = netns_id(netns.fd_.get());
  if (!id) return id.error().with(ref.describe() + ": " + *path);
  netns.id_ = *id;
  return netns;
}

Result<Netns> Netns::current() { return open({NetnsRef::Kind::path, "/proc/thread-self/ns/net"}); }

Result<UniqueFd> Netns::duplicate() const {
  UniqueFd copy(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail_errno("duplicate a namespace descriptor", errno);
  return copy;
}

Result<void> refuse_own(const Netns& netns, bool force) {
  if (force) return {};
  const auto own = Netns::current();
  if (!own) return own.error();
  if (own->id() != netns.id()) return {};
  return fail(Errc::invalid,
              "this is the namespace the agent itself runs in: redirecting it would capture the "
              "host's own traffic; --force does it all the same");
}

Result<void> run_in_netns(int netns_fd, const std::function<Result<void>()>& work) {
  Result<void> result = fail(Errc::io, "not run");
  std::thread inside([&] {
    if (::setns(netns_fd, CLONE_NEWNET) == 0) {
      result = work();
    } else if (const int error = errno; error == EPERM) {
      result =
          fail(Errc::permission, "entering a network namespace needs CAP_SYS_ADMIN: run as root");
    } else {
      result = fail_errno("enter the network namespace", error);
    }
  });
  inside.join();
  return result;
}

Result<std::string> boot_id() {
  std::string boot;
  if (!(std::ifstream("/proc/sys/kernel/random/boot_id") >> boot))
    return fail(Errc::io, "cannot read /proc/sys/kernel/random/boot_id");
  return boot;
}

Result<std::string> netns_incarnation(int netns_fd) {
  const auto boot = boot_id();
  if (!boot) return boot.error();
  std::string incarnation = *boot + "/";
  const auto ran = run_in_netns(netns_fd, [&]() -> Result<void> {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return fail_errno("make a socket in the namespace", errno);
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0)
      incarnation += std::to_string(cookie);
    else if (errno != ENOPROTOOPT)
      return fail_errno("read the cookie of the namespace", errno);
    return {};
  });
  if (!ran) return ran.error();
  return incarnation;
}

}  // namespace culvert::host
