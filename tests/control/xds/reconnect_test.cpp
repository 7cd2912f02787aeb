// How long to wait before the next stream, by the way the last one ended.
#include "control/xds/reconnect.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;

TEST(ReconnectPolicy, ConnectErrorsDoubleFrom20MsTo15S) {
  ReconnectPolicy policy;
  Duration expected = 20ms;
  for (int i = 0; i < 14; ++i) {
    const auto next = policy.next({StreamEnd::Kind::lost, false, {}});
    EXPECT_EQ(next.reason, XdsTermination::connection_error);
    EXPECT_EQ(next.after, std::min<Duration>(expected, 15s));
    expected *= 2;
  }
  EXPECT_EQ(policy.next({StreamEnd::Kind::lost, true, 1min}).after, 10ms);
  EXPECT_EQ(policy.next({StreamEnd::Kind::lost, false, {}}).after, 20ms) << "reset";
}

TEST(ReconnectPolicy, ByTheWayItEnded) {
  using Kind = StreamEnd::Kind;
  ReconnectPolicy policy;
  auto next = policy.next({Kind::orderly, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::complete);
  EXPECT_EQ(next.after, 0ms);
  next = policy.next({Kind::lost, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::reconnect);
  EXPECT_EQ(next.after, 10ms);
  next = policy.next({Kind::failed, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::error);
  EXPECT_EQ(next.after, 20ms);
  EXPECT_EQ(policy.next({Kind::failed, true, 30min}).after, 40ms);
}

TEST(ReconnectPolicy, AServerThatDropsAtOnceIsNotHammered) {
  ReconnectPolicy policy;
  Duration last{};
  for (int i = 0; i < 5; ++i) {
    const auto next = policy.next({StreamEnd::Kind::orderly, true, 5ms});
    EXPECT_GT(next.after, last);
    last = next.after;
  }
}

}  // namespace
}  // namespace culvert::control
