// Metrics of the process itself, read at scrape time.
#pragma once

#include "culvert/metrics/registry.hpp"

namespace culvert::metrics {

// Registers process_open_fds, process_max_fds and the culvert_* metrics of the process: resident
// memory, CPU time, threads, dropped log lines.
void register_process_metrics(Registry& registry);

}  // namespace culvert::metrics
