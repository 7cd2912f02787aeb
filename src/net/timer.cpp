#include "culvert/net/timer.hpp"

namespace culvert::net {

void Timer::arm(TimerQueue& queue, TimePoint deadline) {
  unlink_if_armed();
  deadline_ = deadline;
  queue.armed_.insert(*this);
}

void TimerQueue::expire(TimePoint now) {
  // Due timers move aside first: an action that arms for the past must not spin here.
  decltype(armed_) due;
  while (!armed_.empty() && armed_.begin()->deadline_ <= now) {
    Timer& timer = *armed_.begin();
    armed_.erase(armed_.begin());
    due.insert(timer);
  }
  while (!due.empty()) {
    Timer& timer = *due.begin();
    due.erase(due.begin());
    const auto action = timer.action_;  // a copy: the action may destroy the timer
    action();
  }
}

std::optional<TimePoint> TimerQueue::next() const {
  if (armed_.empty()) return std::nullopt;
  return armed_.begin()->deadline_;
}

}  // namespace culvert::net
