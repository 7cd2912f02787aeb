// What jemalloc writes about its sampled allocations: stacks, and what each of them still holds.
#pragma once

#include "culvert/base/result.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace culvert::profile {

// One stack, the innermost frame first, with an estimate of what it holds.
struct HeapStack {
  std::vector<std::uintptr_t> frames;
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
};

struct HeapDump {
  std::int64_t period = 0;  // bytes allocated between samples, on average
  std::vector<HeapStack> stacks;
};

// Out of the text of a "heap_v2" dump. Numbers of objects and bytes are scaled up from those that
// were sampled. Errc::invalid for any other text.
Result<HeapDump> parse_heap_dump(std::string_view text);

}  // namespace culvert::profile
