#include "control/certificates/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Answer = CertificateSchedule::Answer;
using Outcome = CertificateSchedule::Outcome;
using tls::Priority;

Identity identity(const std::string& account) { return {Name("td"), Name("ns"), Name(account)}; }

class CertificateScheduleTest : public ::testing::Test {
 protected:
  Answer want(const std::string& account, Priority priority = Priority::realtime) {
    return schedule_.want(now_, identity(account), priority);
  }
  // Sends what is due; the names of the accounts.
  std::vector<std::string> due() {
    std::vector<std::string> out;
    for (auto& request : schedule_.due(now_)) {
      out.push_back(request.identity.service_account.str());
      sent_.insert_or_assign(out.back(), request);
    }
    return out;
  }
  Outcome succeed(const std::string& account, Duration life = 24h) {
    const auto total = std::chrono::duration_cast<WallTime::duration>(life);
    return schedule_.succeeded(now_, sent_.at(account),
                               {now_.wall, now_.wall + total, now_.wall + total / 2});
  }
  Outcome fail(const std::string& account, const std::string& why = "CA away") {
    return schedule_.failed(now_, sent_.at(account), why);
  }
  void pass(Duration time) {
    now_.steady += time;
    now_.wall += std::chrono::duration_cast<WallTime::duration>(time);
  }
  // Lets time pass until something is due, as a driver would; how long that was.
  Duration until_due(Duration limit = 48h) {
    const auto begin = now_.steady;
    while (now_.steady - begin < limit) {
      if (!due().empty()) return now_.steady - begin;
      const auto at = schedule_.deadline(now_);
      if (!at) break;
      EXPECT_GE(*at, now_.steady);
      pass(std::max(*at - now_.steady, Duration(1)));
    }
    ADD_FAILURE() << "nothing was due";
    return {};
  }

  Now now_{TimePoint(1000s), WallTime(1'700'000'000s)};
  CertificateSchedule schedule_{8, 30s, 1};
  std::map<std::string, CertificateSchedule::Request> sent_;
};

TEST_F(CertificateScheduleTest, FirstUseWaitsForTheFirstResult) {
  EXPECT_EQ(want("a"), Answer::wait);
  EXPECT_EQ(schedule_.state(identity("a")), "Initializing");
  EXPECT_THAT(due(), ElementsAre("a"));
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(want("a"), Answer::wait);
  EXPECT_EQ(succeed("a"), Outcome::available);
  EXPECT_EQ(want("a"), Answer::held);
  EXPECT_EQ(schedule_.state(identity("a")), "Available");
}

TEST_F(CertificateScheduleTest, RenewsBeforeHalfTheLifeIsOver) {
  want("a");
  due();
  succeed("a", 24h);
  const auto waited = until_due();
  EXPECT_LE(waited, 12h + 1s);
  EXPECT_GE(waited, 11h + 24min);
  EXPECT_EQ(want("a"), Answer::held) << "while it is being renewed";
}

TEST_F(CertificateScheduleTest, ACalendarThatJumpsIsNoticedWithinAMinute) {
  want("a");
  due();
  succeed("a", 24h);
  EXPECT_LE(*schedule_.deadline(now_), now_.steady + 1min);
  now_.wall += 20h;
  EXPECT_THAT(due(), IsEmpty()) << "not within a second of the last";
  pass(1min);
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(CertificateScheduleTest, HalfOverOnArrivalIsNotAskedForInALoop) {
  want("a");
  due();
  schedule_.succeeded(now_, sent_.at("a"), {now_.wall - 10h, now_.wall + 1h, now_.wall - 4h});
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_GE(until_due(), 1s);
}

TEST_F(CertificateScheduleTest, ExpiredOnArrivalIsAFailure) {
  want("a");
  due();
  EXPECT_EQ(succeed("a", 0s), Outcome::unavailable);
  EXPECT_THAT(schedule_.state(identity("a")), ::testing::HasSubstr("expired"));
}

TEST_F(CertificateScheduleTest, KeepsWhatIsValidWhileRenewalsFail) {
  want("a");
  due();
  succeed("a", 1h);
  until_due();
  EXPECT_EQ(fail("a"), Outcome::kept);
  EXPECT_EQ(want("a"), Answer::held);
  EXPECT_EQ(schedule_.state(identity("a")), "Available");
  auto outcome = Outcome::kept;
  while (outcome == Outcome::kept) {
    until_due();
    outcome = fail("a", "still away");
  }
  EXPECT_EQ(outcome, Outcome::unavailable);
  EXPECT_EQ(now_.wall, WallTime(1'700'000'000s) + 1h) << "a try exactly when it expires";
  EXPECT_EQ(want("a"), Answer::failed);
  EXPECT_EQ(schedule_.state(identity("a")), "Unavailable: still away");
  until_due();
  EXPECT_EQ(succeed("a"), Outcome::available);
  EXPECT_EQ(want("a"), Answer::held);
}

TEST_F(CertificateScheduleTest, AnExpiryBroughtForwardByTheCalendarIsNotWaitedFor) {
  want("a");
  due();
  succeed("a", 24h);
  until_due();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(fail("a"), Outcome::kept);
    until_due();
  }
  EXPECT_EQ(fail("a"), Outcome::kept);
  now_.wall += 24h;
  EXPECT_EQ(want("a"), Answer::wait);
  EXPECT_THAT(due(), ElementsAre("a")) << "not first at the end of a long pause";
  EXPECT_EQ(fail("a"), Outcome::unavailable);
  EXPECT_EQ(want("a"), Answer::failed);
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(CertificateScheduleTest, BacksOffPerIdentityAndResets) {
  want("a");
  due();
  Duration expected = 1s;
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(fail("a"), Outcome::unavailable);
    EXPECT_EQ(want("a"), Answer::failed) << "callers cause no extra requests";
    EXPECT_THAT(due(), IsEmpty());
    const auto waited = until_due();
    EXPECT_GE(waited, expected * 8 / 10);
    EXPECT_LE(waited, std::min<Duration>(expected * 12 / 10, 150s) + 1ms);
    expected = std::min<Duration>(expected * 2, 150s);
  }
  pass(15min);
  fail("a");
  EXPECT_EQ(until_due(), 150s) << "after a quarter of an hour, exactly";
  succeed("a", 1h);
  until_due();
  fail("a");
  EXPECT_LE(until_due(), 1200ms + 1ms) << "reset by success";
}

TEST_F(CertificateScheduleTest, EightInFlightMostUrgentFirst) {
  for (int i = 0; i < 12; ++i) want("w" + std::to_string(i), Priority::warmup);
  EXPECT_EQ(due().size(), 8U);
  EXPECT_EQ(schedule_.in_flight(), 8U);
  EXPECT_FALSE(schedule_.deadline(now_).has_value()) << "an answer comes first";
  pass(1s);
  want("urgent", Priority::realtime);
  EXPECT_THAT(due(), IsEmpty());
  const auto first = sent_.begin()->first;
  succeed(first);
  EXPECT_THAT(due(), ElementsAre("urgent"));
}

TEST_F(CertificateScheduleTest, AWaitingWarmupIsRaised) {
  CertificateSchedule one(1, 30s, 1);
  one.want(now_, identity("busy"), Priority::realtime);
  const auto busy = one.due(now_);
  one.want(now_, identity("first"), Priority::warmup);
  one.want({now_.steady + 1s, now_.wall}, identity("second"), Priority::warmup);
  one.want({now_.steady + 2s, now_.wall}, identity("second"), Priority::realtime);
  pass(5s);
  one.failed(now_, busy.at(0), "x");
  const auto next = one.due(now_);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].identity, identity("second"));
}

TEST_F(CertificateScheduleTest, ForgettingWhatIsBeingObtainedDropsItAtOnce) {
  want("a");
  due();
  EXPECT_TRUE(schedule_.forget(now_, identity("a")));
  EXPECT_EQ(schedule_.state(identity("a")), "");
  EXPECT_EQ(succeed("a"), Outcome::ignored);
  EXPECT_EQ(schedule_.in_flight(), 0U);
}

TEST_F(CertificateScheduleTest, ALateAnswerDoesNotServeASuccessor) {
  want("a");
  due();
  const auto old = sent_.at("a");
  schedule_.forget(now_, identity("a"));
  want("a");
  EXPECT_THAT(due(), ElementsAre("a"));
  EXPECT_EQ(schedule_.failed(now_, old, "x"), Outcome::ignored);
  EXPECT_EQ(want("a"), Answer::wait);
  EXPECT_EQ(succeed("a"), Outcome::available);
}

TEST_F(CertificateScheduleTest, ForgettingLingers) {
  want("a");
  due();
  succeed("a");
  EXPECT_FALSE(schedule_.forget(now_, identity("a")));
  pass(29s);
  EXPECT_THAT(schedule_.expired(now_), IsEmpty());
  EXPECT_EQ(want("a"), Answer::held) << "a restarted pod finds it";
  pass(2s);
  EXPECT_THAT(schedule_.expired(now_), IsEmpty()) << "taken back";
  schedule_.forget(now_, identity("a"));
  EXPECT_EQ(*schedule_.deadline(now_), now_.steady + 30s);
  pass(30s);
  EXPECT_THAT(schedule_.expired(now_), ElementsAre(identity("a")));
  EXPECT_EQ(schedule_.state(identity("a")), "");
  EXPECT_FALSE(schedule_.deadline(now_).has_value());
}

TEST_F(CertificateScheduleTest, UnknownIdentitiesAreForgottenWithoutFuss) {
  EXPECT_FALSE(schedule_.forget(now_, identity("a")));
}

}  // namespace
}  // namespace culvert::control
