// The agent with real namespaces, a real control socket and a scripted daemon.
#include "host/agent_fixture.hpp"

#include <fstream>

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(AgentTest, InstallsBeforeItTellsTheDaemon) {
  const Sandbox box;
  connect_daemon();
  auto enrolled = enroll(request(box));
  const auto received = daemon_->receive();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->summary(), "add uid-1");
  EXPECT_EQ(netns_id(received->netns.get()).value(), netns_id(box.fd()).value());
  EXPECT_TRUE(redirected(box));
  daemon_->ack();
  const auto outcome = enrolled.get();
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->uid, "uid-1");
  EXPECT_EQ(outcome->steps.size(), 3U);
  const auto listed = AgentClient(options_.control_socket).list();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_TRUE(listed->front().up);
}

TEST_F(AgentTest, EnrollingTwiceIsFine) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  auto same = request(box);
  same.pod.uid.clear();
  enroll_well(same);
  ASSERT_EQ(agent_->list().size(), 1U);
  auto other = request(box);
  other.pod.name = "other";
  const auto refused = enroll(other).get();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("withdraw that first"));
}

TEST_F(AgentTest, ChoosesAUidOfItsOwn) {
  const Sandbox box;
  connect_daemon();
  auto wanted = request(box);
  wanted.pod.uid.clear();
  enroll_well(wanted);
  EXPECT_THAT(agent_->list().front().enrolment.pod.uid,
              ::testing::MatchesRegex("[0-9a-f]+-[0-9a-f]+-4[0-9a-f]+-[89ab][0-9a-f]+-[0-9a-f]+"));
}

TEST_F(AgentTest, TakesEverythingBackWhenTheDaemonRefuses) {
  const Sandbox box;
  connect_daemon();
  auto enrolled = enroll(request(box));
  EXPECT_EQ(daemon_->serve("port 15008 in use"), "add uid-1");
  std::string next;
  do next = daemon_->serve("port 15008 in use");  // a retry may come before the withdrawal
  while (next == "add uid-1");
  EXPECT_EQ(next, "del uid-1");
  const auto outcome = enrolled.get();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("port 15008 in use"));
  EXPECT_THAT(outcome.error().detail, HasSubstr("shop/web-0"));
  EXPECT_TRUE(untouched(box));
  EXPECT_TRUE(agent_->list().empty());
}

TEST_F(AgentTest, TakesEverythingBackWithoutADaemon) {
  const Sandbox box;
  const auto outcome = enroll(request(box)).get();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("no daemon is connected"));
  EXPECT_TRUE(untouched(box));
}

// Rules that the table does not know belong to istio-cni or to another agent.
TEST_F(AgentTest, ForeignRulesAreTakenOverOnlyByForce) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {.dns = true}));
  connect_daemon();
  auto wanted = request(box);
  const auto refused = enroll(wanted).get();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("--force"));
  EXPECT_TRUE(agent_->list().empty());
  EXPECT_TRUE(inspect_redirection(box.fd())->raw_table);  // as it was
  wanted.force = true;
  enroll_well(wanted);
  EXPECT_FALSE(inspect_redirection(box.fd())->raw_table);
}

TEST_F(AgentTest, DoesNotClaimToHavePutBackWhatItReplaced) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  auto wanted = request(box);
  wanted.force = true;
  const auto outcome = enroll(wanted).get();  // no daemon
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("not put back"));
  EXPECT_THAT(outcome.error().detail, Not(HasSubstr("everything was taken back")));
  EXPECT_TRUE(agent_->list().empty());
}

TEST_F(AgentTest, KeepsAPendingPodWhenAsked) {
  const Sandbox box;
  auto wanted = request(box);
  wanted.keep_pending = true;
  const auto outcome = enroll(wanted).get();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->steps.back(), HasSubstr("pending"));
  EXPECT_TRUE(redirected(box));
  connect_daemon(1);
  EXPECT_TRUE(agent_->list().front().up);
}

TEST_F(AgentTest, TheDaemonsLossLeavesTheRedirection) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  daemon_.reset();
  while (agent_->list().front().up) std::this_thread::yield();
  EXPECT_TRUE(redirected(box));
  connect_daemon(1);
}

TEST_F(AgentTest, ARestartBringsAllBack) {
  const Sandbox box;
  connect_daemon();
  enroll_well(request(box));
  agent_.reset();
  EXPECT_TRUE(redirected(box));
  ASSERT_TRUE(remove_redirection(box.fd()));  // as if something had gone wrong meanwhile
  start();
  EXPECT_TRUE(redirected(box));
  connect_daemon(1);
  WithdrawRequest wanted;
  wanted.pod = "shop/web-0";
  auto withdrawn = withdraw(wanted);
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  EXPECT_TRUE(withdrawn.get());
  EXPECT_TRUE(untouched(box));
}

// Options that could not be put in place are not those of the next start.
TEST_F(AgentTest, RemembersOnlyOptionsThatAreInPlace) {
  connect_daemon();
  const Sandbox box;
  auto first = enroll(request(box));
  EXPECT_THAT(daemon_->serve(), HasSubstr("add "));
  ASSERT_TRUE(first.get());
  auto wrong = request(box);
  wrong.redirect.virtual_interfaces = {"no such;name"};
  EXPECT_FALSE(enroll(wrong).get());
  const auto list = AgentClient(options_.control_socket).list();
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_TRUE(list->front().enrolment.redirect.virtual_interfaces.empty());
}

TEST_F(AgentTest, ADamagedTableStopsTheStart) {
  agent_.reset();
  std::ofstream(options_.state_dir + "/enrolments.json") << "{";
  const auto started = Agent::start(options_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().detail, HasSubstr("enrolments.json"));
}

TEST_F(AgentTest, TwoAgentsDoNotShareAState) {
  auto second = options_;
  second.control_socket = directory_ / "other.sock";
  second.zds.path = directory_ / "other-zds.sock";
  const auto started = Agent::start(second);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().detail, HasSubstr("another agent"));
}

TEST_F(AgentTest, RefusesTheHostsOwnNamespace) {
  EnrolRequest wanted;
  wanted.netns = {NetnsRef::Kind::pid, std::to_string(::getpid())};
  wanted.pod = {"", "web-0", "shop", "web"};
  const auto outcome = enroll(wanted).get();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("host's own traffic"));
}

TEST_F(AgentTest, AnswersJunkOnTheControlSocket) {
  const auto answer = std::system(("python3 -c \"import socket;s=socket.socket(socket.AF_UNIX);"
                                   "s.connect('" +
                                   options_.control_socket +
                                   "');s.send(b'junk\\n');import sys;sys.exit(b'not JSON' not in "
                                   "s.recv(999))\"")
                                      .c_str());
  EXPECT_EQ(answer, 0);
}

TEST(AgentClient, SaysWhatToStart) {
  const auto listed = AgentClient("/tmp/culvert-no-such-agent.sock").list();
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().detail, HasSubstr("culvertctl agent"));
}

}  // namespace
}  // namespace culvert::host::testing
