// Where this process spends its CPU time, asked for while it runs.
#pragma once

#include "culvert/base/result.hpp"

#include <chrono>
#include <stop_token>
#include <string>

namespace culvert::profile {

// Samples every thread of the process `frequency` times (1 to 1000) for each second of CPU time
// that it uses, for `duration`, and returns an uncompressed pprof profile. Sleeping threads cost
// nothing and are not woken; while no profile is taken there is neither timer nor memory. Blocks
// the calling thread; ends early, with what there is, when `stop` says so. Errc::unavailable when
// another is being taken. Any thread.
Result<std::string> record_cpu(std::chrono::milliseconds duration, int frequency,
                               const std::stop_token& stop);

}  // namespace culvert::profile
