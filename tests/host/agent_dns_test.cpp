// Whose DNS the agent captures: a scripted daemon, and a socket that stands for its listener, which
// is all that the agent sees of it.
#include "host/agent_fixture.hpp"
#include "host/sandbox.hpp"

namespace culvert::host::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class AgentDns : public AgentTest {
 protected:
  static UniqueFd listen_for_dns(const Sandbox& box) {
    return bind_udp_in(box, addr("127.0.0.1:15053"));
  }
  static bool captured(const Sandbox& box) {
    const auto text = box.run("nft list ruleset");
    return text.find("redirect to :15053") != std::string::npos &&
           text.find("istio-ambient-raw") != std::string::npos;
  }
  static bool any_dns(const Sandbox& box) {
    const auto text = box.run("nft list ruleset");
    return text.find("15053") != std::string::npos || text.find("raw") != std::string::npos;
  }
  static void reach(const Sandbox& box, bool wanted) {
    while (captured(box) != wanted) std::this_thread::yield();
  }
  Result<Outcome> enroll_with(const Sandbox& box, DnsCapture dns) {
    auto wanted = request(box);
    wanted.dns = dns;
    auto enrolled = enroll(wanted);
    EXPECT_EQ(daemon_->serve(), "add uid-1");
    return enrolled.get();
  }
  bool listed() {
    return AgentClient(options_.control_socket).list()->at(0).enrolment.redirect.dns;
  }
};

TEST_F(AgentDns, IsCapturedByDefaultWhereItIsServed) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  const auto outcome = enroll_with(box, DnsCapture::when_served);
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_THAT(outcome->steps, Contains(HasSubstr("DNS is captured")));
  EXPECT_TRUE(captured(box));
  EXPECT_TRUE(listed());
}

// The daemon binds before it acknowledges: a listener that comes later is none of this add's.
TEST_F(AgentDns, IsNotTouchedBeforeTheDaemonServesThePod) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  auto enrolled = enroll(request(box));
  ASSERT_TRUE(daemon_->receive());
  EXPECT_FALSE(any_dns(box));
  daemon_->ack();
  ASSERT_TRUE(enrolled.get());
  EXPECT_TRUE(captured(box));
}

TEST_F(AgentDns, IsLeftAloneWhereNobodyServesIt) {
  const Sandbox box;
  connect_daemon();
  const auto outcome = enroll_with(box, DnsCapture::when_served);
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_THAT(outcome->steps, Contains(HasSubstr("DNS is not captured: the daemon")));
  EXPECT_TRUE(redirected(box));
  EXPECT_FALSE(any_dns(box));
  EXPECT_FALSE(listed());
}

TEST_F(AgentDns, IsLeftAloneWhenThatIsWanted) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  const auto outcome = enroll_with(box, DnsCapture::never);
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->steps, Contains("DNS is left alone"));
  start();  // whose surveys leave it alone, too
  connect_daemon(1);
  box.run("nft flush ruleset");
  while (!*redirection_in_place(box.fd(), {})) std::this_thread::yield();
  EXPECT_FALSE(any_dns(box));
}

TEST_F(AgentDns, DemandedAndNotServedTakesEverythingBack) {
  const Sandbox box;
  connect_daemon();
  auto wanted = request(box);
  wanted.dns = DnsCapture::demanded;
  auto enrolled = enroll(wanted);
  EXPECT_EQ(daemon_->serve(), "add uid-1");
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  const auto outcome = enrolled.get();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("ISTIO_META_DNS_CAPTURE"));
  EXPECT_THAT(outcome.error().detail, HasSubstr("everything was taken back"));
  EXPECT_TRUE(untouched(box));
  EXPECT_TRUE(agent_->list().empty());
}

// What worked goes on.
TEST_F(AgentDns, DemandedLaterAndNotServedChangesNothing) {
  const Sandbox box;
  connect_daemon();
  ASSERT_TRUE(enroll_with(box, DnsCapture::never));
  const auto outcome = enroll_with(box, DnsCapture::demanded);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("enrolled as before"));
  ASSERT_EQ(agent_->list().size(), 1U);
  EXPECT_TRUE(redirected(box));
  EXPECT_FALSE(read_table().at(0).capture_dns);
}

TEST_F(AgentDns, EnrollingAgainChangesIt) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  ASSERT_TRUE(enroll_with(box, DnsCapture::never));
  EXPECT_FALSE(any_dns(box));
  ASSERT_TRUE(enroll_with(box, DnsCapture::demanded));
  EXPECT_TRUE(captured(box));
  EXPECT_TRUE(read_table().at(0).capture_dns);
  ASSERT_TRUE(enroll_with(box, DnsCapture::never));
  EXPECT_FALSE(any_dns(box));
}

TEST_F(AgentDns, FollowsTheDaemonThatServesThePod) {
  const Sandbox box;
  auto listener = listen_for_dns(box);
  connect_daemon();
  ASSERT_TRUE(enroll_with(box, DnsCapture::when_served));
  // No daemon: everything stays as it is.
  daemon_.reset();
  while (agent_->list().front().up) std::this_thread::yield();
  listener.reset();
  EXPECT_TRUE(captured(box));
  // One without DNS.
  connect_daemon(1);
  reach(box, false);
  EXPECT_TRUE(redirected(box));
  while (listed()) std::this_thread::yield();
  // One with it again.
  daemon_.reset();
  listener = listen_for_dns(box);
  connect_daemon(1);
  reach(box, true);
  while (!listed()) std::this_thread::yield();
  while (!read_table().at(0).redirect.dns) std::this_thread::yield();
}

TEST_F(AgentDns, APendingPodIsCapturedOnceItIsServed) {
  const Sandbox box;
  auto wanted = request(box);
  wanted.keep_pending = true;
  ASSERT_TRUE(enroll(wanted).get());
  EXPECT_FALSE(any_dns(box));
  const auto listener = listen_for_dns(box);
  connect_daemon(1);
  reach(box, true);
}

TEST_F(AgentDns, IsCapturedAcrossRestartsOfTheAgent) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  ASSERT_TRUE(enroll_with(box, DnsCapture::when_served));
  agent_.reset();
  EXPECT_TRUE(captured(box));
  box.run("nft flush ruleset");
  start();
  EXPECT_TRUE(captured(box));
  connect_daemon(1);
  WithdrawRequest withdrawal;
  withdrawal.uid = "uid-1";
  auto withdrawn = withdraw(withdrawal);
  EXPECT_EQ(daemon_->serve(), "del uid-1");
  ASSERT_TRUE(withdrawn.get());
  EXPECT_TRUE(untouched(box));
}

// One table gone, the others left.
TEST_F(AgentDns, IsRepairedTableByTable) {
  const Sandbox box;
  const auto listener = listen_for_dns(box);
  connect_daemon();
  ASSERT_TRUE(enroll_with(box, DnsCapture::when_served));
  for (const auto* table : {"istio-ambient-raw", "istio-ambient-nat"}) {
    box.run(std::string("nft delete table inet ") + table);
    reach(box, true);
  }
}

TEST_F(AgentDns, TheDaemonIsToldThePodsOwnResolvers) {
  const Sandbox box;
  const TemporaryDirectory etc;
  std::ofstream(etc / "resolv.conf") << "nameserver 198.18.0.53\n";
  const Inhabitant inside(box, etc / "");
  connect_daemon();
  auto wanted = request(box);
  wanted.netns = inside.ref();
  auto enrolled = enroll(wanted);
  const auto told = [&] {
    const auto received = daemon_->receive();
    daemon_->ack();
    const auto& names = received->request.add().workload_info().nameservers();
    return std::vector<std::string>(names.begin(), names.end());
  };
  EXPECT_THAT(told(), ::testing::ElementsAre("198.18.0.53"));
  ASSERT_TRUE(enrolled.get());
  start();  // and again by the next agent
  daemon_.emplace(options_.zds.path);
  EXPECT_THAT(told(), ::testing::ElementsAre("198.18.0.53"));
}

}  // namespace
}  // namespace culvert::host::testing
