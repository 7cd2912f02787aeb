#include "culvert/net/overload_log.hpp"

#include <gtest/gtest.h>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

TEST(OverloadLog, OneLineASecondAndNothingForgotten) {
  OverloadLog log;
  const auto start = TimePoint{} + 1h;
  EXPECT_EQ(log.admit(start), 0U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(log.admit(start + 999us * i), std::nullopt);
  EXPECT_EQ(log.admit(start + 1s), 1000U);
  EXPECT_EQ(log.admit(start + 3s), 0U);
}

}  // namespace
}  // namespace culvert::net
