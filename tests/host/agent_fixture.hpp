// What the tests of the agent share: real namespaces, a real control socket and a scripted daemon.
#pragma once

#include "culvert/host/agent.hpp"
#include "host/agent_json.hpp"
#include "host/fake_daemon.hpp"
#include "host/sandbox.hpp"
#include "host/temporary.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <future>
#include <optional>
#include <sstream>

namespace culvert::host::testing {

class AgentTest : public AsRoot {
 protected:
  void SetUp() override {
    AsRoot::SetUp();
    if (IsSkipped()) return;
    options_.state_dir = directory_ / "state";
    options_.control_socket = directory_ / "agent.sock";
    options_.zds.path = directory_ / "zds.sock";
    options_.zds.accept_interval = std::chrono::milliseconds(1);
    options_.survey_interval = std::chrono::milliseconds(20);
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
    for (std::size_t i = 0; i < pods; ++i)
      EXPECT_THAT(daemon_->serve(), ::testing::HasSubstr("add "));
    EXPECT_EQ(daemon_->serve(), "snapshot");
  }
  // One that is told to keep the only pod.
  void connect_daemon_that_keeps() {
    daemon_.emplace(options_.zds.path);
    EXPECT_EQ(daemon_->serve(), "keep uid-1");
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
    EXPECT_THAT(daemon_->serve(), ::testing::HasSubstr("add "));
    const auto outcome = enrolled.get();
    ASSERT_TRUE(outcome) << outcome.error().detail;
  }
  // Enrols `box` by a name that is gone afterwards; the agent does not run then.
  EnrolRequest enroll_and_hide(const Sandbox& box) {
    auto wanted = request(box);
    const Mounted mount(box, directory_ / "web");
    wanted.netns = mount.ref();
    enroll_well(wanted);
    agent_.reset();
    return wanted;
  }
  // Enrols `box`, and leaves the table as an agent does that dies while it withdraws.
  void enroll_and_begin_to_withdraw(const Sandbox& box) {
    connect_daemon();
    enroll_well(request(box));
    agent_.reset();
    auto table = read_table();
    ASSERT_EQ(table.size(), 1U);
    table[0].leaving = true;
    write_table(table);
  }
  // As enroll_and_hide(); the agent runs and has not found it.
  EnrolRequest enroll_and_lose(const Sandbox& box) {
    auto wanted = enroll_and_hide(box);
    start();
    EXPECT_TRUE(agent_->list().at(0).absent);
    connect_daemon_that_keeps();
    return wanted;
  }

  std::string table_file() const { return options_.state_dir + "/enrolments.json"; }
  std::vector<Enrolment> read_table() const {
    std::stringstream text;
    text << std::ifstream(table_file()).rdbuf();
    return *decode_table(text.str());
  }
  void write_table(const std::vector<Enrolment>& table) const {
    std::ofstream(table_file()) << encode_table(table);
  }

  TemporaryDirectory directory_;
  AgentOptions options_;
  std::unique_ptr<Agent> agent_;
  std::optional<FakeDaemon> daemon_;
};

inline bool redirected(const Sandbox& box) {
  const auto state = inspect_redirection(box.fd()).value();
  return state.nat_table && state.mangle_table && state.rule_v4 && state.route_v6;
}
inline bool untouched(const Sandbox& box) { return !inspect_redirection(box.fd())->anything(); }

}  // namespace culvert::host::testing
