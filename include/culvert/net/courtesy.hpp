// Whether a worker's wake-ups interrupt whoever runs on the core.
//
// At a low rate each request wakes every thread on its way. A thread that interrupts the one that
// woke it makes that one come back only to go to sleep: a change of context for nothing. Under
// SCHED_BATCH (sched(7)) Linux lets the waker finish first, which is cheaper and faster as long as
// cores are to be had. Where they are not, waiting for somebody's time slice costs milliseconds.
// So a worker is courteous until it finds that it waits (docs/decisions/0007-courtesy.md).
#pragma once

#include <cstdint>
#include <optional>

#include "culvert/base/time.hpp"
#include "culvert/base/unique_fd.hpp"

namespace culvert::net {

// What the kernel has counted of a thread since it started: /proc/thread-self/schedstat.
struct RunStatistics {
  std::uint64_t ran_ns = 0;     // on a core
  std::uint64_t waited_ns = 0;  // ready, but not on a core
  std::uint64_t slices = 0;     // times it was put on a core
};

// The decision, without I/O. One thread.
class CourtesyRule {
 public:
  static constexpr auto kPeriod = std::chrono::milliseconds(100);
  static constexpr auto kFirstPause = std::chrono::seconds(10);
  static constexpr auto kLongestPause = std::chrono::minutes(5);

  // Whether to be courteous from `now` on, given the counters as they are now. To be asked about
  // every kPeriod while there is work; never-changing counters change nothing.
  bool review(const RunStatistics& statistics, TimePoint now);

 private:
  bool waits_too_long(const RunStatistics& since) const;

  std::optional<RunStatistics> last_;
  bool courteous_ = true;
  TimePoint changed_{};  // when courteous_ did
  Duration pause_ = kFirstPause;
};

// The rule at work on the thread that calls.
class Courtesy {
 public:
  // Makes the calling thread courteous. Does nothing, for good, when the thread runs under another
  // policy than the usual one, or when the kernel does not count or does not let it.
  void begin();
  // Once a turn, from the same thread: looks at the counters when a period has passed.
  void review(TimePoint now) {
    if (now >= due_) look(now);
  }

 private:
  void look(TimePoint now);
  bool read(RunStatistics& into) const;

  UniqueFd counters_;
  CourtesyRule rule_;
  bool courteous_ = false;
  TimePoint due_ = TimePoint::max();
};

}  // namespace culvert::net
