// How many data threads there are: a few rules that depend on each other.
#pragma once

#include "app/options/draft.hpp"

namespace culvert::app {

// ZTUNNEL_WORKER_THREADS, else ProxyConfig's concurrency, else from the container's resources, else
// a quarter of the cores but two, or one where there are only two cores. At least 1. `cpus` are the
// machine's logical CPUs.
Result<unsigned> worker_threads(const Draft& draft, unsigned cpus);

}  // namespace culvert::app
