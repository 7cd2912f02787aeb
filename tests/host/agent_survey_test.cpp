// What becomes of enrolments whose namespace moves, hides, comes back or ends, while the agent runs
// and while it does not.
#include "host/agent_fixture.hpp"

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(AgentTest, FollowsANamespaceFromProcessToProcess) {
  const Sandbox box;
  connect_daemon();
  Inhabitant first(box);
  Inhabitant second(box);
  auto wanted = request(box);
  wanted.netns = first.ref();
  enroll_well(wanted);
  first.end();
  start();
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_EQ(agent_->list().front().enrolment.netns.value, second.ref().value);
}

// The kernel gives a namespace's number to the next one as soon as it is free, and a process id
// after a while: neither may pass the identity on while no agent holds the namespace open.
TEST_F(AgentTest, DoesNotTakeASuccessorForTheNamespace) {
  const Sandbox box;
  const Sandbox successor;
  connect_daemon();
  Inhabitant first(box);
  const Inhabitant second(successor);
  auto wanted = request(box);
  wanted.netns = first.ref();
  enroll_well(wanted);
  agent_.reset();
  first.end();
  auto table = read_table();
  ASSERT_EQ(table.size(), 1U);
  table[0].id = *netns_id(successor.fd());
  for (const auto& ref :
       {second.ref(), first.ref(),
        NetnsRef{NetnsRef::Kind::path, "/proc/" + second.ref().value + "/ns/net"}}) {
    agent_.reset();
    table[0].netns = ref;
    write_table(table);
    start();
    ASSERT_TRUE(agent_);
    ASSERT_EQ(agent_->list().size(), 1U) << ref.describe();
    EXPECT_TRUE(agent_->list().front().absent) << ref.describe();
    EXPECT_TRUE(untouched(successor)) << ref.describe();
  }
}

TEST_F(AgentTest, LetsGoOfANamespaceThatNobodyCanReach) {
  const Sandbox box;
  connect_daemon();
  Inhabitant only(box);
  auto wanted = request(box);
  wanted.netns = only.ref();
  enroll_well(wanted);
  only.end();
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  while (!agent_->list().empty()) std::this_thread::yield();
  // Who still holds it open may come back: his traffic must not go nowhere.
  EXPECT_TRUE(untouched(box));
}

// The survey looks at all in the order of their uids: once it has let go of the second, it has
// looked at the first.
TEST_F(AgentTest, KeepsANamespaceThatOnlyAMountLeadsTo) {
  const Sandbox box;
  const Sandbox other;
  const Mounted mount(box, directory_ / "elsewhere");
  connect_daemon();
  Inhabitant in_box(box);
  Inhabitant in_other(other);
  auto wanted = request(box);
  wanted.netns = in_box.ref();
  enroll_well(wanted);
  wanted.netns = in_other.ref();
  wanted.pod = {"uid-2", "web-1", "shop", "web"};
  enroll_well(wanted);
  in_box.end();
  in_other.end();
  EXPECT_EQ(daemon_->serve(), "del uid-2");
  while (agent_->list().size() > 1) std::this_thread::yield();
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_EQ(agent_->list().front().enrolment.pod.uid, "uid-1");
  EXPECT_TRUE(redirected(box));
}

TEST_F(AgentTest, KeepsWhatItDoesNotFindAndTakesItUpAgain) {
  const Sandbox box;
  connect_daemon();
  enroll_and_lose(box);
  EXPECT_FALSE(agent_->list().front().up);
  EXPECT_THAT(agent_->list().front().error, HasSubstr("not found"));

  ASSERT_TRUE(remove_redirection(box.fd()));
  const Mounted again(box, directory_ / "web");
  EXPECT_EQ(daemon_->serve(), "add uid-1");
  while (!agent_->list().front().up) std::this_thread::yield();
  EXPECT_FALSE(agent_->list().front().absent);
  EXPECT_TRUE(redirected(box));
}

TEST_F(AgentTest, ANameDoesNotPassAnIdentityOn) {
  const Sandbox box;
  const Sandbox successor;
  connect_daemon();
  enroll_and_hide(box);
  const Mounted mount(successor, directory_ / "web");
  start();
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_TRUE(agent_->list().front().absent);
  EXPECT_TRUE(untouched(successor));
  connect_daemon_that_keeps();
}

TEST_F(AgentTest, FindsANamespaceByItsProcessWhenTheNameIsGone) {
  const Sandbox box;
  const Inhabitant inside(box);
  connect_daemon();
  const auto wanted = enroll_and_hide(box);
  start();
  connect_daemon(1);
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_FALSE(agent_->list().front().absent);
  EXPECT_EQ(agent_->list().front().enrolment.netns.value, wanted.netns.value);
}

TEST_F(AgentTest, AnAbsentNamespaceMayBeEnrolledAgainByAnotherPath) {
  const Sandbox box;
  connect_daemon();
  auto wanted = enroll_and_lose(box);
  wanted.netns = box.ref();
  enroll_well(wanted);
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_FALSE(agent_->list().front().absent);
}

// What is refused has changed nothing: it is found again as before.
TEST_F(AgentTest, AnAbsentNamespaceIsNotTakenUpForAnotherWorkload) {
  const Sandbox box;
  connect_daemon();
  auto other = enroll_and_lose(box);
  other.netns = box.ref();
  other.pod.name = "web-1";
  const auto refused = enroll(other).get();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("enrolled as shop/web-0"));
  EXPECT_TRUE(agent_->list().at(0).absent);
  const Mounted again(box, directory_ / "web");
  EXPECT_EQ(daemon_->serve(), "add uid-1");
}

TEST_F(AgentTest, NoEnrolmentOutlivesTheKernel) {
  const Sandbox box;
  const Mounted mount(box, directory_ / "web");
  connect_daemon();
  auto wanted = request(box);
  wanted.netns = mount.ref();
  enroll_well(wanted);
  agent_.reset();
  auto table = read_table();
  ASSERT_EQ(table.size(), 1U);
  table[0].incarnation = "an-earlier-boot/1";
  write_table(table);
  start();
  EXPECT_TRUE(agent_->list().empty());
}

// As a firewall script does.
TEST_F(AgentTest, PutsBackRulesThatSomebodyFlushed) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  box.run("nft flush ruleset");
  const auto in_place = [&] {
    const auto found = redirection_in_place(box.fd(), {});  // fails while the rules change
    return found && *found;
  };
  while (!in_place()) std::this_thread::yield();
  box.run("ip rule del priority 32764");
  while (!in_place()) std::this_thread::yield();
  EXPECT_TRUE(agent_->list().front().up);
}

TEST_F(AgentTest, IsNotUpWhileItsTrafficIsNotRedirected) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  box.run("ip link set lo down");  // and its routes with it
  while (agent_->list().front().up) std::this_thread::yield();
  EXPECT_THAT(agent_->list().front().error, HasSubstr("lo is down"));
  box.run("ip link set lo up");
  while (!agent_->list().front().up) std::this_thread::yield();
  EXPECT_TRUE(*redirection_in_place(box.fd(), {}));
}

}  // namespace
}  // namespace culvert::host::testing
