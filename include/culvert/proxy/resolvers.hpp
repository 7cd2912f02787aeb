// The resolvers of the node: whom the daemon itself asks, and whom pods' queries are passed on to
// where nothing is known of the pod's own.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "culvert/dns/exchange.hpp"

namespace culvert::proxy {

// The control thread sets them whenever they change, workers look at them for every query that they
// pass on. Any thread.
class NodeResolvers {
 public:
  NodeResolvers() = default;
  NodeResolvers(const NodeResolvers&) = delete;
  NodeResolvers& operator=(const NodeResolvers&) = delete;

  // Null or without servers: there are none. `for_pods`: those that can be asked from inside a pod,
  // where loopback is another one.
  void set(dns::ResolversPtr resolvers, dns::ResolversPtr for_pods) {
    const std::lock_guard lock(mutex_);
    resolvers_ = std::move(resolvers);
    for_pods_ = std::move(for_pods);
  }
  dns::ResolversPtr get() const {
    const std::lock_guard lock(mutex_);
    return resolvers_;
  }
  dns::ResolversPtr for_pods() const {
    const std::lock_guard lock(mutex_);
    return for_pods_;
  }

 private:
  mutable std::mutex mutex_;
  dns::ResolversPtr resolvers_;  // guarded by mutex_
  dns::ResolversPtr for_pods_;   // guarded by mutex_
};

}  // namespace culvert::proxy
