// Withdrawing: all of it, of the right one, and never only in words.
#include "host/agent_fixture.hpp"

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;

WithdrawRequest by_name(const std::string& pod) {
  WithdrawRequest wanted;
  wanted.pod = pod;
  return wanted;
}

WithdrawRequest by_uid(const std::string& uid) {
  WithdrawRequest wanted;
  wanted.uid = uid;
  return wanted;
}

TEST_F(AgentTest, WithdrawTakesEverythingAway) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  WithdrawRequest wanted;
  wanted.netns = box.ref();
  auto withdrawn = withdraw(wanted);
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  EXPECT_TRUE(withdrawn.get());
  EXPECT_TRUE(untouched(box));
  const auto again = withdraw(wanted).get();
  ASSERT_TRUE(again);
  EXPECT_THAT(again->steps.front(), HasSubstr("not enrolled"));
  EXPECT_TRUE(agent_->list().empty());
}

TEST_F(AgentTest, ForeignRulesAreRemovedOnlyByForce) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  WithdrawRequest wanted;
  wanted.netns = box.ref();
  const auto hint = withdraw(wanted).get();
  ASSERT_TRUE(hint);
  EXPECT_THAT(hint->steps.back(), HasSubstr("--force"));
  EXPECT_TRUE(redirected(box));
  wanted.force = true;
  EXPECT_TRUE(withdraw(wanted).get());
  EXPECT_TRUE(untouched(box));
}

TEST_F(AgentTest, WithdrawsByTheNameThatEnrolled) {
  const Sandbox box;
  connect_daemon();
  for (const auto* name : {"shop/web-0", "shop/web-0/web"}) {
    enroll_well(request(box));
    auto withdrawn = withdraw(by_name(name));
    EXPECT_EQ(daemon_->serve(), "del uid-1");
    EXPECT_TRUE(withdrawn.get()) << name;
    EXPECT_TRUE(untouched(box)) << name;
  }
}

TEST_F(AgentTest, WithdrawingWhatNobodyEnrolledIsAnError) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  for (const auto& wrong :
       {by_name("shop/web-1"), by_name("shop/web-0/other"), by_name("web-0"), by_uid("uid-2")}) {
    const auto outcome = withdraw(wrong).get();
    ASSERT_FALSE(outcome) << wrong.pod << wrong.uid;
    EXPECT_THAT(outcome.error().detail, HasSubstr(wrong.pod + wrong.uid));
    EXPECT_THAT(outcome.error().detail, HasSubstr("culvertctl enrolments"));
  }
  EXPECT_TRUE(redirected(box));
}

// What the disk does not know, the next start would put back.
TEST_F(AgentTest, WithdrawsNothingThatTheTableDoesNotKnow) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  const auto obstacle = table_file() + ".new";
  ASSERT_TRUE(std::filesystem::create_directory(obstacle));
  const auto outcome = withdraw(by_uid("uid-1")).get();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("still enrolled"));
  EXPECT_TRUE(redirected(box));
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_TRUE(agent_->list().front().up);
  std::filesystem::remove(obstacle);
  auto withdrawn = withdraw(by_uid("uid-1"));
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  EXPECT_TRUE(withdrawn.get());
}

TEST_F(AgentTest, AWithdrawalThatWasBegunIsCompletedByTheNextStart) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  agent_.reset();
  auto table = read_table();
  ASSERT_EQ(table.size(), 1U);
  table[0].leaving = true;
  write_table(table);
  start();
  EXPECT_TRUE(agent_->list().empty());
  EXPECT_TRUE(read_table().empty());
  EXPECT_TRUE(untouched(box));
}

TEST_F(AgentTest, WithdrawsWhatIsAbsentAndSaysSo) {
  const Sandbox box;
  connect_daemon();
  auto wanted = request(box);
  {
    const Mounted mount(box, directory_ / "web");
    wanted.netns = mount.ref();
    enroll_well(wanted);
    agent_.reset();
  }
  start();
  connect_daemon_that_keeps();
  auto withdrawn = withdraw(by_uid("uid-1"));
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  const auto outcome = withdrawn.get();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->steps.front(), HasSubstr("not found"));
  EXPECT_TRUE(agent_->list().empty());
}

}  // namespace
}  // namespace culvert::host::testing
