#include "culvert/base/log.hpp"

#include "base/log_format.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace culvert::log {

namespace {

// 1024 lines: a tenth of a second at 10,000 connections a second, and less than half a MiB of
// memory, which the queue takes at once.
constexpr std::size_t kQueueLines = 1024;
// Lines are written together up to this size while more are waiting.
constexpr std::size_t kBatchBytes = 16 * 1024;
// When the queue is empty the writer waits this long for more before it writes: else every line of
// a busy data thread would wake it, at the price of two system calls and a task switch a line.
constexpr auto kLinger = std::chrono::milliseconds(5);

// Writes everything, waiting for a slow reader. A reader that is gone takes the text with it: there
// is no other place to complain.
void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
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

// The end of the queue: finished lines to a descriptor, on the writer thread.
class DescriptorSink final : public spdlog::sinks::sink {
 public:
  explicit DescriptorSink(int fd) : fd_(fd) {}

  // `pool` is the one whose thread calls us: alive whenever log() runs.
  void attach(spdlog::details::thread_pool* pool) { pool_ = pool; }

  void log(const spdlog::details::log_msg& line) override {
    const std::lock_guard lock(mutex_);
    batch_.append(line.payload.data(), line.payload.size());
    if (batch_.size() < kBatchBytes) {
      if (pool_->queue_size() == 0 && !lingered_) {
        lingered_ = true;
        std::this_thread::sleep_for(kLinger);
      }
      if (pool_->queue_size() != 0) return;
    }
    write_batch();
  }
  void flush() override {
    const std::lock_guard lock(mutex_);
    write_batch();
  }
  // Lines arrive finished: there is nothing to format.
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  void write_batch() {
    write_all(fd_, batch_);
    batch_.clear();
    lingered_ = false;
  }

  const int fd_;
  spdlog::details::thread_pool* pool_ = nullptr;
  std::mutex mutex_;       // never contended while the writer runs; stop() comes after it
  std::string batch_;      // guarded by mutex_
  bool lingered_ = false;  // guarded by mutex_; waited once for this batch
};

// Everything that start() makes and stop() ends.
struct Writer {
  std::shared_ptr<DescriptorSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

// Never destroyed: a thread may still be in write() while the process ends.
struct Writers {
  std::mutex mutex;
  std::vector<Writer> all;    // guarded by mutex; the last one may be running, loggers stay
  std::uint64_t dropped = 0;  // guarded by mutex; by those that have ended
};
Writers& writers() {
  static auto* const made = new Writers;
  return *made;
}

std::atomic<spdlog::async_logger*> current{nullptr};
std::atomic<Format> current_format{Format::plain};

}  // namespace

void write(Level level, const Target& target, std::string_view message,
           std::span<const Field> fields) {
  if (!target.enabled(level)) return;
  thread_local std::string line;  // keeps its memory from line to line
  line.clear();
  const Event event{WallClock::now(), level, target.name(), message, fields};
  if (current_format.load(std::memory_order_relaxed) == Format::json)
    append_json(line, event);
  else
    append_plain(line, event);
  if (auto* logger = current.load(std::memory_order_acquire); logger != nullptr)
    logger->log(event.time, spdlog::source_loc{}, spdlog::level::info,
                spdlog::string_view_t(line.data(), line.size()));
  else
    write_all(2, line);
}

void start(Format format, int fd) {
  Writer writer;
  writer.sink = std::make_shared<DescriptorSink>(fd);
  writer.pool = std::make_shared<spdlog::details::thread_pool>(
      kQueueLines, 1, [] { ::pthread_setname_np(::pthread_self(), "log"); });
  writer.sink->attach(writer.pool.get());
  writer.logger = std::make_shared<spdlog::async_logger>(
      "", writer.sink, writer.pool, spdlog::async_overflow_policy::overrun_oldest);
  // The only error there is: a line that came after stop(). It has nowhere to go.
  writer.logger->set_error_handler([](const std::string&) {});
  current_format.store(format, std::memory_order_relaxed);
  const std::lock_guard lock(writers().mutex);
  writers().all.push_back(writer);
  current.store(writer.logger.get(), std::memory_order_release);
}

void stop() {
  const std::lock_guard lock(writers().mutex);
  if (current.exchange(nullptr, std::memory_order_acq_rel) == nullptr) return;
  Writer& writer = writers().all.back();
  writers().dropped += writer.pool->overrun_counter();
  writer.pool.reset();  // writes what is queued, then joins the thread
  writer.sink->flush();
}

std::uint64_t dropped() {
  const std::lock_guard lock(writers().mutex);
  auto count = writers().dropped;
  if (current.load(std::memory_order_acquire) != nullptr)
    count += writers().all.back().pool->overrun_counter();
  return count;
}

}  // namespace culvert::log
