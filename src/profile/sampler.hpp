// Takes a stack whenever a thread has used up another sampling period: a signal handler of ours
// runs on that thread and unwinds it.
#pragma once

#include "profile/stack_ring.hpp"

namespace culvert::profile {

// One at a time in the process. While it lives, SIGPROF of any thread becomes a sample.
class Sampler {
 public:
  explicit Sampler(StackRing& ring);
  // Afterwards no handler looks at the ring. The handler itself stays installed: a signal that is
  // still pending would end the process otherwise.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
};

}  // namespace culvert::profile
