// Finds pods that are served here while their record says TCP: whoever sends to one does so in the
// clear, though it looks enrolled. Without I/O; time is an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "culvert/base/time.hpp"
#include "culvert/proxy/pod.hpp"
#include "culvert/state/store.hpp"

namespace culvert::app {

// Control thread only.
class PlainPods {
 public:
  // A control plane that marks a pod's record only when the pod is served (istiod) gets this long.
  static constexpr Duration kPatience = std::chrono::seconds(5);

  // `store` outlives it.
  explicit PlainPods(const state::Store& store) : store_(store) {}

  void started(const std::string& uid, const proxy::PodInfo& pod) { pods_[uid] = {pod, {}, false}; }
  void stopped(const std::string& uid) { pods_.erase(uid); }

  struct Found {
    std::string uid;
    proxy::PodInfo pod;
  };
  struct Look {
    std::vector<Found> plain;        // to warn of, each once until its record is right
    std::optional<TimePoint> again;  // when to look again, beside every change of the store
  };
  Look look(TimePoint now);

 private:
  struct Pod {
    proxy::PodInfo info;
    std::optional<TimePoint> plain_since;
    bool told = false;
  };
  bool is_plain(const proxy::PodInfo& pod) const;

  const state::Store& store_;
  std::unordered_map<std::string, Pod> pods_;
};

}  // namespace culvert::app
