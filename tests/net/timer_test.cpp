#include "culvert/net/timer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

TEST(TimerQueue, FiresInOrderAndOnce) {
  TimerQueue queue;
  std::vector<int> fired;
  Timer a([&] { fired.push_back(1); });
  Timer b([&] { fired.push_back(2); });
  const TimePoint start{};
  b.arm(queue, start + 2s);
  a.arm(queue, start + 1s);
  EXPECT_EQ(queue.next(), start + 1s);
  queue.expire(start + 999ms);
  EXPECT_TRUE(fired.empty());
  queue.expire(start + 5s);
  queue.expire(start + 9s);
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
  EXPECT_FALSE(queue.next().has_value());
}

TEST(TimerQueue, LetsAnActionArmAgainOrDestroyOthers) {
  TimerQueue queue;
  int count = 0;
  auto victim = std::make_unique<Timer>([&] { count += 100; });
  Timer again([] {});
  Timer repeating([&] {
    ++count;
    victim.reset();
    again.arm(queue, TimePoint{});
  });
  repeating.arm(queue, TimePoint{} + 1s);
  victim->arm(queue, TimePoint{} + 2s);
  queue.expire(TimePoint{} + 3s);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(again.armed());
}

TEST(TimerQueue, DisarmsWhatDies) {
  TimerQueue queue;
  {
    Timer timer([] { FAIL(); });
    timer.arm(queue, TimePoint{});
  }
  queue.expire(TimePoint{} + 1s);
  EXPECT_FALSE(queue.next().has_value());
}

}  // namespace
}  // namespace culvert::net
