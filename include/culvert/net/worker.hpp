// One data thread. A connection lives and dies on one worker; other threads may only post.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "culvert/base/bytes.hpp"
#include "culvert/base/random.hpp"
#include "culvert/base/time.hpp"
#include "culvert/net/backlog.hpp"
#include "culvert/net/courtesy.hpp"
#include "culvert/net/overload_log.hpp"
#include "culvert/net/readiness.hpp"
#include "culvert/net/timer.hpp"

namespace culvert::net {

namespace asio = boost::asio;

// Work that wants to run once at the end of the current turn, however often it was asked for:
// a tunnel writes all that its streams produced in a turn with one system call.
class TurnEnd : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd() = default;
};

// Buffers that belong to the worker, not to connections: nobody keeps a byte in them beyond the
// call that filled it. 256 KiB: as much as one frame carries (h2::Settings).
class Scratch {
 public:
  static constexpr std::size_t kInput = 256 * 1024;
  static constexpr std::size_t kOutput = 320 * 1024;

  Scratch();
  // What a socket's recv() fills.
  MutableBytes input() { return {input_.get(), kInput}; }
  // What record opening fills.
  MutableBytes plaintext() { return {plaintext_.get(), kInput}; }
  // Where records are gathered for one send().
  MutableBytes output() { return {output_.get(), kOutput}; }

 private:
  std::unique_ptr<std::uint8_t[]> input_;
  std::unique_ptr<std::uint8_t[]> plaintext_;
  std::unique_ptr<std::uint8_t[]> output_;
};

class Worker {
 public:
  using Executor = asio::io_context::executor_type;

  // `index` only names the thread, which runs from start() to stop(). `backlog_limit`: bytes.
  explicit Worker(unsigned index, std::size_t backlog_limit = BacklogBudget::kDefault);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Ends the loop after the current turn and joins. Coroutines still suspended are destroyed with
  // the worker. Not from the worker's own thread.
  void stop();
  // For tests without a thread: runs turns on the calling thread until `done` says true.
  void run_until(const std::function<bool()>& done);

  // Runs `f` on the worker's thread, soon. The only member that other threads may call.
  template <class F>
  void post(F f) {
    asio::post(io_, std::move(f));
    if (!on_this_thread()) wake();
  }
  bool on_this_thread() const { return thread_id_ == std::this_thread::get_id(); }

  // Everything below: worker thread only.
  Executor executor() { return io_.get_executor(); }
  Readiness& readiness() { return readiness_; }
  TimerQueue& timers() { return timers_; }
  Scratch& scratch() { return scratch_; }
  Random& random() { return random_; }
  unsigned index() const { return index_; }
  // What this worker's connections keep for applications that do not read.
  BacklogBudget& backlogs() { return backlogs_; }
  // For lines of this worker's listeners that cannot accept: all of them fail at once.
  OverloadLog& accept_log() { return accept_log_; }
  // Time of the current turn, read when it woke up: one clock read a turn.
  TimePoint now() const { return now_; }
  // Calls `item` once when this turn ends; asking twice is asking once. What is asked for inside an
  // on_turn_end() belongs to the next turn: whoever has used up its share of this one waits until
  // sockets, timers and bursts have had theirs.
  void at_turn_end(TurnEnd& item) {
    if (!item.is_linked()) (ending_turn_ ? next_turn_end_ : turn_end_).push_back(item);
  }
  // Queues a burst of CPU work (a step of a handshake): one a turn runs, so that relays of this
  // worker are delayed by at most one of them.
  void burst(std::function<void()> work) { bursts_.push_back(std::move(work)); }

 private:
  void run();
  void turn(int longest_wait_ms);  // -1: no bound
  void settle();
  void end_turn();
  void wake();

  class WakeUp final : public Watch {
   public:
    WakeUp();
    void on_ready(std::uint32_t events) override;
    void ring() const;
    int fd() const { return fd_.get(); }

   private:
    UniqueFd fd_;
  };

  // Wakes the worker at the earliest deadline. A descriptor of its own instead of a timeout of the
  // wait: it is set when the earliest deadline changes, not at every sleep.
  class Alarm final : public Watch {
   public:
    Alarm();
    void on_ready(std::uint32_t events) override;
    // Makes sure that it rings at `deadline` or before.
    void set(TimePoint deadline);
    int fd() const { return fd_.get(); }

   private:
    UniqueFd fd_;
    TimePoint set_for_ = TimePoint::max();
  };

  const unsigned index_;
  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};  // a queue of handlers, no sockets
  asio::executor_work_guard<Executor> work_;
  Readiness readiness_;
  TimerQueue timers_;
  Scratch scratch_;
  Random random_;
  Courtesy courtesy_;
  WakeUp wake_up_;
  Alarm alarm_;
  TimePoint now_;
  using TurnEndList = boost::intrusive::list<TurnEnd, boost::intrusive::constant_time_size<false>>;
  TurnEndList turn_end_;
  TurnEndList next_turn_end_;
  bool ending_turn_ = false;  // inside on_turn_end()
  std::deque<std::function<void()>> bursts_;
  BacklogBudget backlogs_;
  OverloadLog accept_log_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

// A coroutine on a worker.
template <class T>
using Async = asio::awaitable<T, Worker::Executor>;

// Starts `coroutine` on `worker` (its own thread). An exception that escapes is our own bug and
// ends the process.
template <class T>
void spawn(Worker& worker, Async<T> coroutine) {
  asio::co_spawn(worker.executor(), std::move(coroutine), [](std::exception_ptr error, auto&&...) {
    if (error) std::rethrow_exception(error);
  });
}

}  // namespace culvert::net
