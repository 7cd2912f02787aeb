// Withdrawing: all of it, of the right one, and never only in words.
#include "host/agent_fixture.hpp"
#include "host/ruleset.hpp"

#include <nftables/libnftables.h>

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

// An nftables table in the place of one of ours that only this object can delete.
class OwnedTable {
 public:
  OwnedTable(const Sandbox& box, const std::string& name) {
    const auto made = run_in_netns(box.fd(), [&]() -> Result<void> {
      context_.reset(nft_ctx_new(NFT_CTX_DEFAULT));
      const auto commands =
          "delete table inet " + name + "\nadd table inet " + name + " { flags owner; }";
      EXPECT_EQ(nft_run_cmd_from_buffer(context_.get(), commands.c_str()), 0);
      return {};
    });
    EXPECT_TRUE(made);
  }

 private:
  struct Free {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  std::unique_ptr<nft_ctx, Free> context_;
};

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
  enroll_and_begin_to_withdraw(box);
  start();
  EXPECT_TRUE(agent_->list().empty());
  EXPECT_TRUE(read_table().empty());
  EXPECT_TRUE(untouched(box));
}

// A table that a process owns nobody else can delete: withdrawing fails until that one is gone.
TEST_F(AgentTest, AWithdrawalThatFailsAtTheStartIsTriedAgain) {
  const Sandbox box;
  enroll_and_begin_to_withdraw(box);
  std::optional<OwnedTable> obstacle(std::in_place, box, kNatTable);
  start();
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_THAT(agent_->list().front().error, HasSubstr("withdrawal is not complete"));
  EXPECT_TRUE(read_table().at(0).leaving);
  EXPECT_FALSE(untouched(box));
  connect_daemon(1);  // what is redirected still has to be served

  obstacle.reset();
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  while (!agent_->list().empty()) std::this_thread::yield();
  EXPECT_TRUE(untouched(box));
  EXPECT_TRUE(read_table().empty());
}

TEST_F(AgentTest, EnrollingEndsAWithdrawalThatFails) {
  const Sandbox box;
  enroll_and_begin_to_withdraw(box);
  options_.survey_interval = std::chrono::hours(1);
  {
    const OwnedTable obstacle(box, kNatTable);
    start();
  }
  connect_daemon(1);
  enroll_well(request(box));
  EXPECT_FALSE(read_table().at(0).leaving);
  EXPECT_TRUE(redirected(box));
}

TEST_F(AgentTest, WithdrawsWhatIsAbsentAndSaysSo) {
  const Sandbox box;
  connect_daemon();
  enroll_and_lose(box);
  auto withdrawn = withdraw(by_uid("uid-1"));
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  const auto outcome = withdrawn.get();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->steps.front(), HasSubstr("not found"));
  EXPECT_TRUE(agent_->list().empty());
}

}  // namespace
}  // namespace culvert::host::testing
