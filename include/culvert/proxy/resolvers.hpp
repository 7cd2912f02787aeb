// Whom pods' queries are passed on to where nothing is known of the pod's own resolvers: those of
// the node.
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

  // Null or without servers: there are none.
  void set(dns::ResolversPtr resolvers) {
    const std::lock_guard lock(mutex_);
    resolvers_ = std::move(resolvers);
  }
  dns::ResolversPtr get() const {
    const std::lock_guard lock(mutex_);
    return resolvers_;
  }

 private:
  mutable std::mutex mutex_;
  dns::ResolversPtr resolvers_;  // guarded by mutex_
};

}  // namespace culvert::proxy
