// The writer behind the logging front: finished lines in from any thread, blocks of them out to a
// descriptor on a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace culvert::log {

// Writes everything, waiting for a slow reader, unless `give_up` becomes true meanwhile. A reader
// that is gone takes the text with it: there is no other place to complain.
void write_all(int fd, std::string_view text, const std::atomic<bool>& give_up);

// A queue of lines and the thread that empties it. Holds no memory while nothing is queued. Bounded
// in bytes: what does not fit pushes the oldest lines out, and the line that `notice` makes stands
// where they would have been. Must never be destroyed: a thread may still be in add().
class Writer {
 public:
  // The line that says that `lost` lines are missing; empty: say nothing. On the writer's thread.
  using Notice = std::function<std::string(std::uint64_t lost)>;

  // Starts the thread. `fd` stays open and the caller's.
  Writer(int fd, Notice notice);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Queues a finished line, its newline included. Any thread; never waits for the reader.
  void add(std::string_view line);
  // Writes what is queued and ends the thread. A reader that has not taken it after `most` never
  // may: then what is left counts as dropped and the thread, which may be inside a write for ever,
  // is left to the end of the process. Once.
  void stop(std::chrono::milliseconds most);
  // Lines that were not written, or only in part.
  std::uint64_t dropped() const;

 private:
  struct Block {
    std::string text;
    std::uint64_t lines = 0;
  };

  void run();
  // Waits for lines; false when there are none and there will be none.
  bool wait_for_lines(std::unique_lock<std::mutex>& lock);
  void drop_oldest();

  const int fd_;
  const Notice notice_;
  std::atomic<bool> abandoned_{false};

  mutable std::mutex mutex_;  // guards all below but the thread
  std::condition_variable filled_;
  std::condition_variable ended_;
  std::deque<Block> blocks_;      // oldest first
  std::size_t bytes_ = 0;         // in blocks_
  std::uint64_t writing_ = 0;     // lines that the thread is writing
  std::uint64_t dropped_ = 0;     // since the start
  std::uint64_t unreported_ = 0;  // of them, those that no notice has told of
  bool stopping_ = false;
  bool done_ = false;  // the thread is about to end

  std::thread thread_;
};

}  // namespace culvert::log
