#include "culvert/base/random.hpp"

#include <sys/random.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

namespace culvert {

namespace {

std::uint64_t kernel_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

// SplitMix64: spreads one seed over the four words, so that no state is all zero.
std::uint64_t split(std::uint64_t& seed) {
  std::uint64_t z = (seed += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random() : Random(kernel_seed()) {}

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = split(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Multiply-shift; the bias is below 2^-32 for bounds below 2^32, which is all we ask for.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
}

std::uint64_t Entropy::next() {
  if (left_ == 0) {
    // Up to 256 bytes come whole and at once, once the kernel has been seeded.
    if (::getrandom(drawn_.data(), sizeof drawn_, 0) != sizeof drawn_) {
      std::perror("culvert: getrandom");
      std::abort();
    }
    left_ = drawn_.size();
  }
  return std::exchange(drawn_[--left_], 0);
}

}  // namespace culvert
