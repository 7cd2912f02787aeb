// Who holds the memory of this process: jemalloc's sampled allocations. The allocator is linked
// into the release program only, and set up before main() (app/allocator.cpp).
#pragma once

#include "culvert/base/result.hpp"

#include <string>

namespace culvert::profile {

// Whether allocations can be sampled at all. Any thread, as everything here.
bool heap_available();
// Whether they are being sampled.
bool heap_active();
// Begins or ends sampling; what was allocated before is never seen. Errc::unavailable without an
// allocator that can.
Result<void> activate_heap(bool active);
// What was allocated while sampling and is still held, as an uncompressed pprof profile.
// Errc::unavailable without an allocator that can.
Result<std::string> record_heap();

}  // namespace culvert::profile
