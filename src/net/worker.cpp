#include "culvert/net/worker.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace culvert::net {

Scratch::Scratch()
    : input_(new std::uint8_t[kInput]),
      plaintext_(new std::uint8_t[kInput]),
      output_(new std::uint8_t[kOutput]) {}

Worker::WakeUp::WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) {
    std::perror("culvert: eventfd");
    std::abort();
  }
}

void Worker::WakeUp::on_ready(std::uint32_t) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(fd_.get(), &count, sizeof count);  // only to reset it
}

void Worker::WakeUp::ring() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);  // full means rung already
}

Worker::Alarm::Alarm() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!fd_) {
    std::perror("culvert: timerfd_create");
    std::abort();
  }
}

void Worker::Alarm::on_ready(std::uint32_t) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(fd_.get(), &count, sizeof count);  // only to reset it
  set_for_ = TimePoint::max();
}

void Worker::Alarm::set(TimePoint deadline) {
  if (deadline >= set_for_) return;
  set_for_ = deadline;
  // 0 would switch it off: a deadline in the distant past is as good as one just gone.
  const auto since_boot = std::max(deadline.time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when,
                    nullptr);  // cannot fail: the value is valid
}

Worker::Worker(unsigned index, std::size_t backlog_limit)
    : index_(index),
      work_(asio::make_work_guard(io_)),
      now_(Clock::now()),
      backlogs_(backlog_limit) {
  if (!readiness_.add(wake_up_.fd(), wake_up_)) std::abort();
  if (!readiness_.add(alarm_.fd(), alarm_)) std::abort();
}

Worker::~Worker() {
  stop();
  turn_end_.clear();
  next_turn_end_.clear();
}

void Worker::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    run();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  wake_up_.ring();
  thread_.join();
}

void Worker::run() {
  thread_id_ = std::this_thread::get_id();
  courtesy_.begin();
  while (!stopping_.load(std::memory_order_relaxed)) turn(-1);
}

void Worker::run_until(const std::function<bool()>& done) {
  thread_id_ = std::this_thread::get_id();
  while (!done()) turn(10);  // what makes it done need not wake us
}

void Worker::turn(int longest_wait_ms) {
  // Whoever posts after this line rings; whoever posted before it is seen by settle().
  sleeping_.store(true);
  settle();
  if (const auto next = timers_.next()) alarm_.set(*next);
  const bool idle = bursts_.empty() && next_turn_end_.empty();
  readiness_.wait(idle ? longest_wait_ms : 0);
  sleeping_.store(false, std::memory_order_relaxed);
  now_ = Clock::now();  // before anybody is called: the time of before the sleep is long past
  readiness_.dispatch();
  courtesy_.review(now_);
  timers_.expire(now_);
  if (!bursts_.empty()) {
    const auto work = std::move(bursts_.front());
    bursts_.pop_front();
    work();
  }
}

// Handlers can make turn-end work and the reverse; bounded, so that two of them that feed each
// other cannot starve the sockets.
void Worker::settle() {
  turn_end_.splice(turn_end_.end(), next_turn_end_);
  for (int round = 0; round < 16; ++round) {
    if (io_.poll() == 0 && turn_end_.empty()) return;
    end_turn();
  }
  wake_up_.ring();
}

void Worker::end_turn() {
  TurnEndList due;
  due.swap(turn_end_);
  ending_turn_ = true;
  while (!due.empty()) {
    TurnEnd& item = due.front();
    due.pop_front();
    item.on_turn_end();
  }
  ending_turn_ = false;
}

void Worker::wake() {
  if (sleeping_.exchange(false)) wake_up_.ring();
}

}  // namespace culvert::net
