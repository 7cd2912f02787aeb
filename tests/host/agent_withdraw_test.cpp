// Withdrawing: all of it, of the right one, and never only in words.
#include "host/agent_fixture.hpp"

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;

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
