#include "base/log_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace culvert::log {

namespace {

// More than 10,000 lines of the access log: what a node's drain can end within a second.
constexpr std::size_t kMostBytes = 8 * 1024 * 1024;
// Lines are gathered into blocks of about this size: one write, and what is dropped at a time.
constexpr std::size_t kBlockBytes = 16 * 1024;
// The writer waits this long for more lines before it writes: else every line of a busy data thread
// would wake it, at the price of two system calls and a task switch a line.
constexpr auto kLinger = std::chrono::milliseconds(5);

}  // namespace

void write_all(int fd, std::string_view text, const std::atomic<bool>& give_up) {
  while (!text.empty() && !give_up.load(std::memory_order_relaxed)) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

Writer::Writer(int fd, Notice notice) : fd_(fd), notice_(std::move(notice)) {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "log");
    run();
  });
}

void Writer::add(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      ++dropped_;
      return;
    }
    const bool begin = blocks_.empty() || blocks_.back().text.size() + line.size() > kBlockBytes;
    if (begin) blocks_.emplace_back();
    blocks_.back().text.append(line);
    ++blocks_.back().lines;
    bytes_ += line.size();
    drop_oldest();
    if (!begin) return;  // the writer knows of this block already
  }
  filled_.notify_one();
}

// The newest block stays whatever its size: a line longer than the bound is better than none.
void Writer::drop_oldest() {
  while (bytes_ > kMostBytes && blocks_.size() > 1) {
    bytes_ -= blocks_.front().text.size();
    dropped_ += blocks_.front().lines;
    unreported_ += blocks_.front().lines;
    blocks_.pop_front();
  }
}

bool Writer::wait_for_lines(std::unique_lock<std::mutex>& lock) {
  filled_.wait(lock, [this] { return !blocks_.empty() || stopping_; });
  filled_.wait_for(lock, kLinger, [this] { return blocks_.size() > 1 || stopping_; });
  return !blocks_.empty();
}

void Writer::run() {
  std::unique_lock lock(mutex_);
  while (!abandoned_ && wait_for_lines(lock)) {
    const Block block = std::move(blocks_.front());
    blocks_.pop_front();
    bytes_ -= block.text.size();
    writing_ = block.lines;
    const auto lost = std::exchange(unreported_, 0);
    lock.unlock();
    if (lost > 0) write_all(fd_, notice_(lost), abandoned_);
    write_all(fd_, block.text, abandoned_);
    lock.lock();
    writing_ = 0;
  }
  done_ = true;
  ended_.notify_all();
}

void Writer::stop(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  filled_.notify_one();
  if (ended_.wait_for(lock, most, [this] { return done_; })) {
    lock.unlock();
    thread_.join();
    return;
  }
  abandoned_ = true;
  dropped_ += writing_;
  for (const Block& block : blocks_) dropped_ += block.lines;
  blocks_.clear();
  bytes_ = 0;
  thread_.detach();
}

std::uint64_t Writer::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace culvert::log
