#include "app/plain_pods.hpp"

#include <algorithm>

namespace culvert::app {

PlainPods::Look PlainPods::look(TimePoint now) {
  Look found;
  for (auto& [uid, pod] : pods_) {
    if (!is_plain(pod.info)) {
      pod.plain_since.reset();
      pod.told = false;
      continue;
    }
    if (pod.told) continue;
    if (!pod.plain_since) pod.plain_since = now;
    const auto due = *pod.plain_since + kPatience;
    if (now >= due) {
      pod.told = true;
      found.plain.push_back({uid, pod.info});
    } else {
      found.again = found.again ? std::min(*found.again, due) : due;
    }
  }
  return found;
}

// One without a record is not: its connections are refused.
bool PlainPods::is_plain(const proxy::PodInfo& pod) const {
  const auto record = store_.view().local_workload(pod.namespace_, pod.name, pod.service_account);
  return record != nullptr && record->protocol == state::Protocol::tcp && !record->native_tunnel;
}

}  // namespace culvert::app
