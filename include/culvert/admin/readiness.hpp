// What the process still waits for before it is ready, and again when it loses it.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::admin {

// Names of start-up tasks. Ready when none is pending. Any thread.
class Readiness {
 public:
  // The names that operators know.
  static constexpr std::string_view kState = "state manager";  // first xDS synchronization
  static constexpr std::string_view kProxy = "proxy";          // data threads run, pods may come
  static constexpr std::string_view kPods = "workload proxy manager";  // ZDS, and no pending pod

  // Makes `task` pending: at start, or again later.
  void open(std::string_view task);
  // Done; doing it twice, or for a task that was never opened, is no error.
  void complete(std::string_view task);

  bool ready() const;
  // Pending tasks, sorted.
  std::vector<std::string> pending() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> pending_;  // guarded by mutex_
};

}  // namespace culvert::admin
