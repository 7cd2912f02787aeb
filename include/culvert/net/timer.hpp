// Deadlines of one worker: an intrusive ordered set, so that arming allocates nothing.
#pragma once

#include <boost/intrusive/set.hpp>

#include <functional>
#include <optional>

#include "culvert/base/time.hpp"

namespace culvert::net {

class TimerQueue;

// One deadline with what to do then. Disarms itself when it dies. One thread only.
class Timer : public boost::intrusive::set_base_hook<
                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  explicit Timer(std::function<void()> action) : action_(std::move(action)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once at `deadline`, in `queue`'s worker; replaces an earlier deadline. The action may
  // arm the timer again or destroy it.
  void arm(TimerQueue& queue, TimePoint deadline);
  void disarm() { unlink_if_armed(); }
  bool armed() const { return is_linked(); }

  friend bool operator<(const Timer& a, const Timer& b) { return a.deadline_ < b.deadline_; }

 private:
  friend class TimerQueue;
  void unlink_if_armed() {
    if (is_linked()) unlink();
  }
  TimePoint deadline_{};
  std::function<void()> action_;
};

// The armed timers of a worker. Time is an argument.
class TimerQueue {
 public:
  // Fires every timer whose deadline is at or before `now`; those armed meanwhile for the past
  // wait for the next call.
  void expire(TimePoint now);
  // The earliest deadline, if any timer is armed.
  std::optional<TimePoint> next() const;

 private:
  friend class Timer;
  boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>> armed_;
};

}  // namespace culvert::net
