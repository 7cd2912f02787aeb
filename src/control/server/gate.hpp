// The way from gRPC's threads to the control thread, and the proof that none is left behind.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace culvert::control {

// Counts operations whose end a gRPC thread reports. Shared by the client and its operations.
class Gate {
 public:
  explicit Gate(boost::asio::io_context& io) : io_(&io) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // An operation begins. Control thread.
  void begin() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  // Runs `task` on the control thread; once the gate is closed, only destroys it there. Any thread.
  // What a task holds may be the last channel: with that gRPC ends its own threads, waiting for
  // each, and would not survive being told so by one of them.
  template <class F>
  void post(F task) {
    const std::lock_guard lock(mutex_);
    if (io_ != nullptr)
      boost::asio::post(*io_, std::move(task));
    else
      dropped_.push_back(std::make_shared<F>(std::move(task)));
  }
  // The operation is over: gRPC will not call it again. Any thread.
  void end() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) none_.notify_all();
  }
  // Drops later posts and waits for all operations to end; cancel them before. Control thread.
  void close() {
    std::vector<std::shared_ptr<void>> dropped;  // destroyed here, without the lock
    std::unique_lock lock(mutex_);
    io_ = nullptr;
    none_.wait(lock, [this] { return open_ == 0; });
    dropped.swap(dropped_);
    lock.unlock();
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  boost::asio::io_context* io_;                 // guarded by mutex_; null = closed
  std::size_t open_ = 0;                        // guarded by mutex_
  std::vector<std::shared_ptr<void>> dropped_;  // guarded by mutex_
};

}  // namespace culvert::control
