// A timer for every thread of the process, on the CPU time of that thread: a timer of the whole
// process would signal the main thread first, whoever is busy.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <map>
#include <string>

namespace culvert::profile {

// Sends SIGPROF to each thread after each `period` of its CPU time; the signal's value is the
// thread's id. One thread uses it.
class ThreadTimers {
 public:
  explicit ThreadTimers(std::chrono::nanoseconds period) : period_(period) {}
  // Deletes the timers.
  ~ThreadTimers();
  ThreadTimers(const ThreadTimers&) = delete;
  ThreadTimers& operator=(const ThreadTimers&) = delete;

  // Looks which threads there are, and gives timers to new ones. Those that cannot have one (they
  // end just now) are left out.
  void follow();
  // What the thread is called; where it has ended, what it was called when its timer was made, or
  // nothing when it never had any.
  std::string name(pid_t thread) const;

 private:
  struct Entry {
    timer_t timer;
    std::string name;
  };
  void add(pid_t thread);

  const std::chrono::nanoseconds period_;
  std::map<pid_t, Entry> threads_;  // those that have ended, too: their samples need the name
};

}  // namespace culvert::profile
