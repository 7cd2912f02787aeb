#include "culvert/base/random.hpp"

#include <gtest/gtest.h>

#include <set>

#include <array>

namespace culvert {
namespace {

TEST(Random, OneSeedIsOneSequence) {
  Random a(7);
  Random b(7);
  Random c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, StaysBelowItsBoundAndReachesEveryValue) {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen.at(random.below(seen.size()));
  for (const int count : seen) {
    EXPECT_GT(count, 800);  // 1000 expected; 7 standard deviations
    EXPECT_LT(count, 1200);
  }
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, LargeBoundsAreNotTruncated) {
  Random random(2);
  const auto bound = std::uint64_t{3} << 62;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.below(bound);
    EXPECT_LT(value, bound);
    high = high || value >= std::uint64_t{1} << 63;
  }
  EXPECT_TRUE(high);
}

TEST(Random, TheKernelSeedsDifferently) {
  Random a;
  Random b;
  EXPECT_NE(a.next(), b.next());
}

TEST(Entropy, NumbersDoNotComeAgain) {
  Entropy entropy;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(entropy.next());
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_FALSE(seen.contains(0));
}

}  // namespace
}  // namespace culvert
