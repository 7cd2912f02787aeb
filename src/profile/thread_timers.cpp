#include "profile/thread_timers.hpp"

#include <dirent.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string_view>

namespace culvert::profile {

namespace {

// The clock of a thread's CPU time by the thread's id, as clock_getcpuclockid(3) makes them for
// processes: the id inverted, and in the low bits "of a thread" (4) and "scheduler's time" (2).
clockid_t cpu_clock_of(pid_t thread) {
  return static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | 4U | 2U);
}

timespec as_timespec(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {seconds.count(), (time - seconds).count()};
}

std::string name_of(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

ThreadTimers::~ThreadTimers() {
  for (const auto& [thread, entry] : threads_) ::timer_delete(entry.timer);
}

void ThreadTimers::follow() {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return;
  while (const dirent* entry = ::readdir(tasks)) {
    const std::string_view text = entry->d_name;
    pid_t thread = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), thread).ptr;
    if (end == text.data() + text.size() && !threads_.contains(thread)) add(thread);
  }
  ::closedir(tasks);
}

void ThreadTimers::add(pid_t thread) {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event.sigev_value.sival_int = thread;
  event._sigev_un._tid = thread;
  timer_t timer{};
  if (::timer_create(cpu_clock_of(thread), &event, &timer) != 0) return;
  threads_.emplace(thread, Entry{timer, name_of(thread)});
  const itimerspec every{as_timespec(period_), as_timespec(period_)};
  ::timer_settime(timer, 0, &every, nullptr);
}

std::string ThreadTimers::name(pid_t thread) const {
  if (auto current = name_of(thread); !current.empty()) return current;
  const auto found = threads_.find(thread);
  return found == threads_.end() ? std::string() : found->second.name;
}

}  // namespace culvert::profile
