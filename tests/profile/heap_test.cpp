#include "culvert/profile/heap.hpp"

#include <gtest/gtest.h>

namespace culvert::profile {
namespace {

// The unit tests run with a sanitizer's allocator; test_profiles.py asks a release program.
TEST(HeapProfile, WithoutAnAllocatorThatSamplesItSaysSo) {
  EXPECT_FALSE(heap_available());
  EXPECT_FALSE(heap_active());
  const auto activated = activate_heap(true);
  ASSERT_FALSE(activated.has_value());
  EXPECT_EQ(activated.error().code, Errc::unavailable);
  const auto taken = record_heap();
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().detail, "heap profiling is not enabled");
}

}  // namespace
}  // namespace culvert::profile
