// What the Store's lock guards.
#pragma once

#include "culvert/state/store.hpp"
#include "state/policy_index.hpp"
#include "state/service_index.hpp"
#include "state/workload_index.hpp"

namespace culvert::state {

struct Indexes {
  explicit Indexes(LocalNode node) : local(std::move(node)), workloads(local.node) {}

  const LocalNode local;  // constant: read without the lock
  WorkloadIndex workloads;
  ServiceIndex services;
  PolicyIndex policies;
};

}  // namespace culvert::state
