// What the tests of the ZDS client share: a client, the agent at the other end of its socket, and
// pods that are only remembered.
#pragma once

#include "control/zds/fake_agent.hpp"
#include "culvert/base/time.hpp"
#include "culvert/control/zds.hpp"

#include <fcntl.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace culvert::control::test {

using namespace std::chrono_literals;

// Serves "pods" by remembering them; fails those in `refuse`.
class FakePods : public PodEvents {
 public:
  void start(const PodUid& uid, const WorkloadInfo&, std::shared_ptr<UniqueFd> netns,
             std::function<void(Result<void>)> done) override {
    if (refuse.contains(uid)) return done(fail(Errc::io, "port in use"));
    running[uid] = std::move(netns);
    if (hold)
      held = std::move(done);
    else
      done({});
  }
  void stop(const PodUid& uid) override { EXPECT_EQ(running.erase(uid), 1U); }

  std::map<PodUid, std::shared_ptr<UniqueFd>> running;
  std::set<PodUid> refuse;
  bool hold = false;
  std::function<void(Result<void>)> held;
};

inline zds::WorkloadRequest add_of(const std::string& uid) {
  zds::WorkloadRequest request;
  request.mutable_add()->set_uid(uid);
  request.mutable_add()->mutable_workload_info()->set_name("n");
  return request;
}

class ZdsClientTest : public ::testing::Test {
 protected:
  ZdsClientTest() {
    std::string pattern = "/tmp/culvert-zds-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/s";
    netns_.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  }
  ~ZdsClientTest() override { std::filesystem::remove_all(directory_); }

  void connect() {
    agent_.emplace(path_);
    events_.changed = [this](bool, std::size_t, std::size_t) { ++changes_; };
    events_.ready = [this] { ++ready_; };
    events_.malformed = [this] { ++malformed_; };
    client_.emplace(io_, path_, pods_, events_);
    client_->start();
    accept();
  }
  void accept() {
    run_until([&] { return agent_->waiting(); });
    agent_->accept();
    EXPECT_EQ(answer(), "hello");
  }
  template <class F>
  void run_until(F condition) {
    const auto limit = Clock::now() + 10s;
    while (!condition()) {
      ASSERT_LT(Clock::now(), limit);
      io_.restart();
      io_.run_one_for(10ms);
    }
  }
  std::string answer() {
    run_until([&] { return agent_->has_answer(); });
    return agent_->answer();
  }
  std::string ask(const zds::WorkloadRequest& request, const std::vector<int>& fds = {}) {
    agent_->send(request, fds);
    return answer();
  }
  std::string add(const std::string& uid) { return ask(add_of(uid), {netns_.get()}); }
  std::string snapshot() {
    zds::WorkloadRequest request;
    request.mutable_snapshot_sent();
    return ask(request);
  }

  boost::asio::io_context io_;
  std::string directory_, path_;
  UniqueFd netns_;
  FakePods pods_;
  ZdsEvents events_;
  std::optional<Agent> agent_;
  std::optional<ZdsClient> client_;
  int changes_ = 0, ready_ = 0, malformed_ = 0;
};

}  // namespace culvert::control::test
