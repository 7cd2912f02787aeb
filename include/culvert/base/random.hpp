// Cheap pseudo-random numbers for choices that need no secrecy: endpoint picks, trace ids, jitter.
#pragma once

#include <cstdint>

namespace culvert {

// xoshiro256** (Blackman and Vigna, 2018). One per thread; not for keys or nonces. Seedable, so
// that tests are reproducible.
class Random {
 public:
  // Seeds from the kernel.
  Random();
  explicit Random(std::uint64_t seed);
  // Uniform over all 64-bit values.
  std::uint64_t next();
  // Uniform over [0, bound); `bound` must be above 0.
  std::uint64_t below(std::uint64_t bound);

 private:
  std::uint64_t state_[4];
};

}  // namespace culvert
