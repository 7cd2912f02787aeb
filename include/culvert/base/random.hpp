// Random numbers: cheap ones for choices that need no secrecy (endpoint picks, trace ids, jitter),
// and ones that nobody can foresee.
#pragma once

#include <array>
#include <cstddef>
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

// Numbers of the kernel's own, for what strangers must not guess; not for keys. One per thread.
class Entropy {
 public:
  // Uniform over all 64-bit values. Asks the kernel once for many; aborts if it has none.
  std::uint64_t next();

 private:
  std::array<std::uint64_t, 32> drawn_{};
  std::size_t left_ = 0;
};

}  // namespace culvert
