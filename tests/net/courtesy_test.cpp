#include "culvert/net/courtesy.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

// A thread that is put on a core a thousand times a period, with the same wait and run each time.
class Thread {
 public:
  RunStatistics period(std::uint64_t wait_us, std::uint64_t run_us, std::uint64_t slices = 1000) {
    sum_.waited_ns += slices * wait_us * 1000;
    sum_.ran_ns += slices * run_us * 1000;
    sum_.slices += slices;
    return sum_;
  }

 private:
  RunStatistics sum_{.ran_ns = 5'000'000, .waited_ns = 900'000'000, .slices = 7};
};

constexpr auto kStart = TimePoint{} + 24h;

TEST(CourtesyRule, StaysWhileNobodyIsInTheWay) {
  CourtesyRule rule;
  Thread thread;
  EXPECT_TRUE(rule.review(thread.period(30, 30), kStart));
  EXPECT_TRUE(rule.review(thread.period(50, 10), kStart + 1s));
  EXPECT_TRUE(rule.review(thread.period(190, 100), kStart + 2s)) << "a queue of work like itself";
}

TEST(CourtesyRule, EndsWhenWaitsAreLong) {
  CourtesyRule rule;
  Thread thread;
  EXPECT_TRUE(rule.review(thread.period(30, 30), kStart));
  EXPECT_FALSE(rule.review(thread.period(150, 20), kStart + 1s));
  EXPECT_FALSE(rule.review(thread.period(20, 20), kStart + 2s)) << "seen without courtesy";
}

TEST(CourtesyRule, TriesAgainLessAndLessOften) {
  CourtesyRule rule;
  Thread thread;
  (void)rule.review(thread.period(30, 30), kStart);
  auto now = kStart;
  for (const auto pause : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    now += 1s;
    ASSERT_FALSE(rule.review(thread.period(500, 20), now));
    EXPECT_FALSE(rule.review(thread.period(20, 20), now + pause - 1ms));
    now += pause;
    EXPECT_TRUE(rule.review(thread.period(20, 20), now));
  }
  now += 301s;
  ASSERT_FALSE(rule.review(thread.period(500, 20), now));
  EXPECT_TRUE(rule.review(thread.period(20, 20), now + 10s)) << "the last try lasted";
}

TEST(CourtesyRule, NeedsEnoughToJudge) {
  CourtesyRule rule;
  Thread thread;
  EXPECT_TRUE(rule.review(thread.period(30, 30), kStart));
  EXPECT_TRUE(rule.review(thread.period(900, 20, 300), kStart + 1s));
  EXPECT_TRUE(rule.review(thread.period(0, 0, 0), kStart + 2s));
  EXPECT_FALSE(rule.review(thread.period(900, 20, 150), kStart + 3s)) << "what was left adds up";
}

TEST(Courtesy, ChangesTheCallingThreadOnly) {
  int policy = -1;
  std::thread([&] {
    Courtesy courtesy;
    courtesy.begin();
    courtesy.review(Clock::now());
    policy = ::sched_getscheduler(0);
  }).join();
  EXPECT_EQ(policy, SCHED_BATCH);
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

TEST(Courtesy, LeavesAnotherPolicyAlone) {
  int policy = -1;
  std::thread([&] {
    const sched_param parameters{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_IDLE, &parameters), 0);
    Courtesy courtesy;
    courtesy.begin();
    courtesy.review(Clock::now());
    policy = ::sched_getscheduler(0);
  }).join();
  EXPECT_EQ(policy, SCHED_IDLE);
}

}  // namespace
}  // namespace culvert::net
