// Time as an argument: state machines take a TimePoint instead of reading a clock.
#pragma once

#include <chrono>

namespace culvert {

// Monotonic time, for deadlines and durations.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

// Calendar time, for certificates and logs.
using WallClock = std::chrono::system_clock;
using WallTime = WallClock::time_point;

}  // namespace culvert
