// Network namespaces: the only place that enters one.
#pragma once

#include <memory>
#include <optional>

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

namespace culvert::net {

// A network namespace held open, or "our own". Shared by everything that makes sockets for a pod.
// Sockets stay where they were made; the namespace lives at least as long as this handle.
class Netns {
 public:
  // Our own namespace: entering is a no-op.
  Netns() = default;
  explicit Netns(UniqueFd fd) : fd_(std::make_shared<UniqueFd>(std::move(fd))) {}
  explicit Netns(std::shared_ptr<UniqueFd> fd) : fd_(std::move(fd)) {}
  // -1 for our own.
  int fd() const { return fd_ ? fd_->get() : -1; }

 private:
  std::shared_ptr<UniqueFd> fd_;
};

// This thread is in `target` while the guard lives. Never alive across co_await: another coroutine
// would run inside the pod. If leaving fails the process aborts, because the next pod's sockets
// would be made in this pod.
class NetnsGuard {
 public:
  // Errc::permission without CAP_SYS_ADMIN.
  static Result<NetnsGuard> enter(const Netns& target);
  NetnsGuard(NetnsGuard&& other) noexcept;
  NetnsGuard& operator=(NetnsGuard&&) = delete;
  ~NetnsGuard();

 private:
  explicit NetnsGuard(bool inside) : inside_(inside) {}
  bool inside_;
};

}  // namespace culvert::net
