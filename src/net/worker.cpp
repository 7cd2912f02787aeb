#include "culvert/net/worker.hpp"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace culvert::net {

namespace {
constexpr int kLongestWait = 60'000;  // milliseconds; only a bound that fits an int
}

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

Worker::Worker(unsigned index)
    : index_(index), work_(asio::make_work_guard(io_)), now_(Clock::now()) {
  if (!readiness_.add(wake_up_.fd(), wake_up_)) std::abort();
}

Worker::~Worker() {
  stop();
  turn_end_.clear();
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
  while (!stopping_.load(std::memory_order_relaxed)) turn(kLongestWait);
}

void Worker::run_until(const std::function<bool()>& done) {
  thread_id_ = std::this_thread::get_id();
  while (!done()) turn(10);  // what makes it done need not wake us
}

void Worker::turn(int longest_wait_ms) {
  // Whoever posts after this line rings; whoever posted before it is seen by settle().
  sleeping_.store(true);
  settle();
  readiness_.wait(std::min(timeout(), longest_wait_ms));
  sleeping_.store(false, std::memory_order_relaxed);
  now_ = Clock::now();
  timers_.expire(now_);
  if (!bursts_.empty()) {
    const auto work = std::move(bursts_.front());
    bursts_.pop_front();
    work();
  }
}

// Handlers and turn-end work can each make more of the other; bounded, so that two of them that
// feed each other cannot starve the sockets.
void Worker::settle() {
  for (int round = 0; round < 16; ++round) {
    const auto handled = io_.poll();
    if (handled == 0 && turn_end_.empty()) return;
    decltype(turn_end_) due;
    due.swap(turn_end_);
    while (!due.empty()) {
      TurnEnd& item = due.front();
      due.pop_front();
      item.on_turn_end();
    }
  }
  wake_up_.ring();
}

int Worker::timeout() const {
  if (!bursts_.empty() || !turn_end_.empty()) return 0;
  const auto next = timers_.next();
  if (!next) return kLongestWait;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, kLongestWait));
}

void Worker::wake() {
  if (sleeping_.exchange(false)) wake_up_.ring();
}

}  // namespace culvert::net
