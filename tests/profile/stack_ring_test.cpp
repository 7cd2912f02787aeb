#include "profile/stack_ring.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace culvert::profile {
namespace {

void write(StackRing& ring, std::uint32_t weight) {
  auto* stack = ring.claim();
  ASSERT_NE(stack, nullptr);
  stack->depth = 0;
  stack->weight = weight;
  ring.publish(*stack);
}

std::vector<std::uint32_t> read(StackRing& ring) {
  std::vector<std::uint32_t> weights;
  ring.drain([&](const Stack& stack) { weights.push_back(stack.weight); });
  return weights;
}

TEST(StackRing, GivesBackInOrder) {
  StackRing ring;
  EXPECT_TRUE(read(ring).empty());
  for (std::uint32_t round = 0; round < 3 * StackRing::kSlots; round += 100) {
    for (std::uint32_t i = 0; i < 100; ++i) write(ring, round + i);
    const auto got = read(ring);
    ASSERT_EQ(got.size(), 100U);
    EXPECT_EQ(got.front(), round);
    EXPECT_EQ(got.back(), round + 99);
  }
  EXPECT_EQ(ring.lost(), 0U);
}

TEST(StackRing, WhenFullTheNewestAreLostAndCounted) {
  StackRing ring;
  for (std::uint32_t i = 0; i < StackRing::kSlots; ++i) write(ring, i);
  EXPECT_EQ(ring.claim(), nullptr);
  EXPECT_EQ(ring.lost(), 1U);
  EXPECT_EQ(read(ring).size(), StackRing::kSlots);
  write(ring, 7);
  EXPECT_EQ(read(ring), std::vector<std::uint32_t>{7});
}

TEST(StackRing, WhatIsNotPublishedYetHoldsUpWhatIsBehindIt) {
  StackRing ring;
  auto* slow = ring.claim();
  write(ring, 2);
  EXPECT_TRUE(read(ring).empty());
  slow->weight = 1;
  ring.publish(*slow);
  EXPECT_EQ(read(ring), (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace culvert::profile
