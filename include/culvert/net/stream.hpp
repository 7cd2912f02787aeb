// A connected (or connecting) socket for coroutines: for the steps before bytes are relayed. The
// byte loop itself does not use this.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "culvert/base/address.hpp"
#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/cancellation.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/net/socket.hpp"
#include "culvert/net/worker.hpp"

namespace culvert::net {

// One descriptor in the worker's readiness set, with at most one coroutine waiting on it. Every
// wait ends at the stream's deadline with Errc::timed_out. Worker thread only.
class Stream final : public Watch {
 public:
  Stream(Worker& worker, UniqueFd fd);
  ~Stream();

  int fd() const { return fd_.get(); }
  // The end of all waiting, until changed.
  void set_deadline(TimePoint deadline) { deadline_ = deadline; }
  // Nothing is read, written or waited for any more: what is in progress, and every later call,
  // ends with `reason`. The first reason counts. The waiting coroutine resumes from the worker's
  // queue, never inside.
  void cancel(Error reason);

  // Reads what there is into `into`; 0 is the orderly end.
  Async<Result<std::size_t>> read_some(MutableBytes into);
  // Writes all of `from`.
  Async<Result<void>> write_all(Bytes from);
  // Waits for a connect begun on this descriptor.
  Async<Result<void>> connected();

  // Takes the descriptor out of the set and gives it away.
  UniqueFd release();

  void on_ready(std::uint32_t events) override;

 private:
  Result<void> join();
  Async<Result<void>> wait_for(std::uint32_t events);

  Worker& worker_;
  UniqueFd fd_;
  bool joined_ = false;
  std::uint32_t ready_ = 0;
  std::uint32_t wanted_ = 0;
  TimePoint deadline_ = TimePoint::max();
  std::unique_ptr<Error> cancelled_;
  OneShot<Result<void>>* waiting_ = nullptr;  // lives in the frame of wait_for()
};

// Connects to `destination` from inside `netns`; Errc::timed_out at `deadline`, and the reason of
// `cancellation` (may be null; outlives the wait) when that comes first. The descriptor that comes
// back is in no readiness set.
Async<Result<UniqueFd>> dial(Worker& worker, Netns netns, SocketAddress destination,
                             std::optional<IpAddress> source, SocketOptions options,
                             TimePoint deadline, Cancellation* cancellation = nullptr);

}  // namespace culvert::net
