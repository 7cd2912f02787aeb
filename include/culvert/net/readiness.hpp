// Where readiness comes from: one edge-triggered epoll set per worker. A descriptor is registered
// once, for everything, and never modified; who owns it remembers what is ready. Asio's own
// reactor re-arms with a system call per wait, which costs ten to forty percent at small requests
// (docs/decisions/0002-readiness.md).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

namespace culvert::net {

// Something whose descriptor is in a Readiness set.
class Watch {
 public:
  // `events`: EPOLLIN, EPOLLPRI (urgent data, at which a read ends short), EPOLLOUT, EPOLLRDHUP,
  // EPOLLHUP, EPOLLERR as epoll reported them since the last call. May delete this object. Worker
  // thread.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() = default;
};

// The set. One thread only.
class Readiness {
 public:
  // Aborts when the kernel has no epoll: nothing works without.
  Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // Registers `fd` for reading and writing. `watch` must stay alive until remove(); what is ready
  // already is reported in the next turn.
  Result<void> add(int fd, Watch& watch);
  // The same for who only reads: a UDP socket becomes writable anew with each datagram that it has
  // got rid of, which would be a wake-up for nothing each.
  Result<void> add_reader(int fd, Watch& watch);
  // Takes `fd` out; `watch` hears nothing more, not even of events already fetched.
  void remove(int fd, Watch& watch);

  // Like remove() for a descriptor that the caller closes next: closing takes it out of the set,
  // which saves the system call.
  void remove_closing(Watch& watch) { forget(watch); }

  // Waits up to `timeout_ms` (-1: for ever, 0: not at all) for watches to be ready. Calls none:
  // between waking up and the first call the worker looks at the clock.
  void wait(int timeout_ms);
  // Calls the watches that the last wait() found ready.
  void dispatch();

 private:
  Result<void> add(int fd, Watch& watch, std::uint32_t events);
  void forget(const Watch& watch);

  static constexpr std::size_t kBatch = 256;
  UniqueFd epoll_;
  std::array<epoll_event, kBatch> batch_;
  std::size_t next_ = 0;   // first entry of batch_ not yet dispatched
  std::size_t count_ = 0;  // entries fetched
};

}  // namespace culvert::net
