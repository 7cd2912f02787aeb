// The agent with real namespaces, a real control socket and a scripted daemon.
#include "culvert/host/agent.hpp"

#include "host/agent_json.hpp"
#include "host/fake_daemon.hpp"
#include "host/sandbox.hpp"
#include "host/temporary.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>

namespace culvert::host::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class AgentTest : public AsRoot {
 protected:
  void SetUp() override {
    AsRoot::SetUp();
    if (IsSkipped()) return;
    options_.state_dir = directory_ / "state";
    options_.control_socket = directory_ / "agent.sock";
    options_.zds.path = directory_ / "zds.sock";
    options_.zds.accept_interval = 1ms;
    options_.survey_interval = 20ms;
    start();
  }
  void start() {
    agent_.reset();
    auto started = Agent::start(options_);
    ASSERT_TRUE(started) << started.error().detail;
    agent_ = std::move(*started);
  }
  // A daemon that has seen the snapshot, which held `pods` adds.
  void connect_daemon(std::size_t pods = 0) {
    daemon_.emplace(options_.zds.path);
    for (std::size_t i = 0; i < pods; ++i) EXPECT_THAT(daemon_->serve(), HasSubstr("add "));
    EXPECT_EQ(daemon_->serve(), "snapshot");
  }
  EnrolRequest request(const Sandbox& box) const {
    EnrolRequest wanted;
    wanted.netns = box.ref();
    wanted.pod = {"uid-1", "web-0", "shop", "web"};
    return wanted;
  }
  std::future<Result<Outcome>> enroll(const EnrolRequest& wanted) {
    return std::async(std::launch::async, [this, wanted] {
      return AgentClient(options_.control_socket).enroll(wanted);
    });
  }
  std::future<Result<Outcome>> withdraw(const WithdrawRequest& wanted) {
    return std::async(std::launch::async, [this, wanted] {
      return AgentClient(options_.control_socket).withdraw(wanted);
    });
  }
  void enroll_well(const EnrolRequest& wanted) {
    auto enrolled = enroll(wanted);
    EXPECT_THAT(daemon_->serve(), HasSubstr("add "));
    const auto outcome = enrolled.get();
    ASSERT_TRUE(outcome) << outcome.error().detail;
  }

  TemporaryDirectory directory_;
  AgentOptions options_;
  std::unique_ptr<Agent> agent_;
  std::optional<FakeDaemon> daemon_;
};

bool redirected(const Sandbox& box) {
  const auto state = inspect_redirection(box.fd()).value();
  return state.nat_table && state.mangle_table && state.rule_v4 && state.route_v6;
}
bool untouched(const Sandbox& box) { return !inspect_redirection(box.fd())->anything(); }

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
  EXPECT_EQ(outcome->steps.size(), 2U);
  const auto listed = AgentClient(options_.control_socket).list();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_TRUE(listed->front().up);
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

// A process that waits in a namespace of its own until it is told to end.
class Inhabitant {
 public:
  explicit Inhabitant(const Sandbox& box) {
    // Closed by the program that takes the copy's place, for which we wait: a mere copy of the test
    // holds the agent's lock.
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd started(ends[0]);
    UniqueFd held(ends[1]);
    EXPECT_TRUE(run_in_netns(box.fd(), [this]() -> Result<void> {
      pid_ = ::fork();
      if (pid_ == 0) {
        ::execlp("sleep", "sleep", "1000", nullptr);
        ::_exit(127);
      }
      return {};
    }));
    held.reset();
    char nothing = 0;
    EXPECT_EQ(::read(started.get(), &nothing, 1), 0);
  }
  ~Inhabitant() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  NetnsRef ref() const { return {NetnsRef::Kind::pid, std::to_string(pid_)}; }

 private:
  pid_t pid_ = 0;
};

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
  const auto file = options_.state_dir + "/enrolments.json";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  auto table = *decode_table(text.str());
  ASSERT_EQ(table.size(), 1U);
  table[0].id = *netns_id(successor.fd());
  for (const auto& ref :
       {second.ref(), first.ref(),
        NetnsRef{NetnsRef::Kind::path, "/proc/" + second.ref().value + "/ns/net"}}) {
    agent_.reset();
    table[0].netns = ref;
    std::ofstream(file) << encode_table(table);
    start();
    ASSERT_TRUE(agent_);
    EXPECT_TRUE(agent_->list().empty()) << ref.describe();
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
