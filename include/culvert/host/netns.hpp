// Network namespaces of other people's processes: finding them, telling them apart, and running
// something inside one without the calling thread ever leaving its own.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <sys/types.h>

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::host {

// What a namespace is, whatever path led to it: two descriptors are the same namespace if and only
// if both numbers are equal.
struct NetnsId {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const NetnsId&, const NetnsId&) = default;
};

// How a person named a namespace: exactly one of the three.
struct NetnsRef {
  enum class Kind { name, pid, path };
  Kind kind = Kind::path;
  std::string value;  // "web", "4711", "/run/netns/web"

  // The file to open: /var/run/netns/NAME, /proc/PID/ns/net, or the path itself. Errc::invalid for
  // a name with a slash, or a process id that is none.
  Result<std::string> path() const;
  // For messages: "namespace web", "process 4711", "/run/netns/web".
  std::string describe() const;
};

// An open network namespace. Holding it keeps the namespace alive.
class Netns {
 public:
  Netns() = default;
  // Opens and checks that it is a network namespace (NS_GET_NSTYPE). Errors say what was looked
  // for and what to do: Errc::not_found, permission, invalid.
  static Result<Netns> open(const NetnsRef& ref);
  // The namespace this thread is in.
  static Result<Netns> current();

  int fd() const { return fd_.get(); }
  NetnsId id() const { return id_; }
  // A second descriptor of the same namespace, for handing away.
  Result<UniqueFd> duplicate() const;

 private:
  UniqueFd fd_;
  NetnsId id_;
};

// The id of the namespace behind an open descriptor; Errc::invalid if it is not a network
// namespace.
Result<NetnsId> netns_id(int fd);

// What tells a namespace from every other there ever was: an id is used again once its namespace
// is gone, this is not. "<boot id>/<cookie>", from boot_id() and SO_NETNS_COOKIE; without the
// cookie
// ("<boot id>/") where the kernel has none (before 5.14).
Result<std::string> netns_incarnation(int netns_fd);

// What tells this run of the kernel from every other: no namespace outlives it.
Result<std::string> boot_id();

// Errc::invalid if `netns` is the one the caller itself is in: redirecting the host's own traffic
// cuts the machine off. (`force` lets it through.)
Result<void> refuse_own(const Netns& netns, bool force);

// Runs `work` on a short-lived thread inside the namespace and returns what it returned. The
// caller's thread stays where it is, and blocks until the work is done. Errc::permission without
// CAP_SYS_ADMIN. `work` must not throw.
Result<void> run_in_netns(int netns_fd, const std::function<Result<void>()>& work);

// Looks through /proc for a process in namespace `id`: its pid, or nothing. An error when /proc
// cannot be read, or when nothing was found but some process could not be looked at
// (Errc::permission): then nothing is known.
Result<std::optional<pid_t>> find_process_in(NetnsId id);

}  // namespace culvert::host
