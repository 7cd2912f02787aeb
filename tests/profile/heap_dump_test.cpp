#include "profile/heap_dump.hpp"

#include <gtest/gtest.h>

namespace culvert::profile {
namespace {

TEST(HeapDump, StacksWithWhatTheyHold) {
  const auto dump = parse_heap_dump(
      "heap_v2/524288\n"
      "  t*: 3: 1049600 [0: 0]\n"
      "  t0: 3: 1049600 [0: 0]\n"
      "@ 0x10 0x2000\n"
      "  t*: 2: 67108864 [5: 99]\n"
      "  t0: 2: 67108864 [5: 99]\n"
      "@ 0x30\n"
      "  t*: 1: 1024 [0: 0]\n"
      "\nMAPPED_LIBRARIES:\n55d0-55e0 r-xp 00000000 00:00 0 /bin/true\n");
  ASSERT_TRUE(dump.has_value()) << dump.error().detail;
  EXPECT_EQ(dump->period, 524288);
  ASSERT_EQ(dump->stacks.size(), 2U);
  EXPECT_EQ(dump->stacks[0].frames, (std::vector<std::uintptr_t>{0xf, 0x1fff}));
  EXPECT_EQ(dump->stacks[0].objects, 2) << "so large that each one is sampled";
  EXPECT_EQ(dump->stacks[0].bytes, 67108864);
  // One of 1 KiB in 512 KiB is seen with a chance of 1 in 512.5.
  EXPECT_EQ(dump->stacks[1].objects, 513);
  EXPECT_NEAR(static_cast<double>(dump->stacks[1].bytes), 524800, 1);
}

TEST(HeapDump, WhatIsFreedAgainHoldsNothing) {
  const auto dump = parse_heap_dump("heap_v2/1\n@ 0x1\n  t*: 0: 0 [3: 30]\n");
  ASSERT_TRUE(dump.has_value());
  EXPECT_EQ(dump->stacks.at(0).objects, 0);
  EXPECT_EQ(dump->stacks.at(0).bytes, 0);
}

TEST(HeapDump, OtherTextIsRefused) {
  for (const auto* text : {"", "heap_v2/", "heap_v2/0\n", "heap_v2/-5\n", "heap profile: 1\n",
                           "heap_v2/1\n@ 10\n", "heap_v2/1\n@ 0xfffffffffffffffff\n",
                           "heap_v2/1\n@ 0x1\n  t*: x\n", "heap_v2/1\n@ 0x1\n  t*: 1 1\n"}) {
    const auto dump = parse_heap_dump(text);
    ASSERT_FALSE(dump.has_value()) << text;
    EXPECT_EQ(dump.error().code, Errc::invalid);
  }
}

}  // namespace
}  // namespace culvert::profile
