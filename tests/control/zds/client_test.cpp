// The ZDS client against a real seqpacket socket, with real descriptors.
#include "control/zds/packet.hpp"
#include "control/zds/socket.hpp"
#include "culvert/control/zds.hpp"

#include "proto/zds.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <set>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace zds = istio::workload::zds;

std::size_t open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

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

// The agent's end, driven from the test's own thread.
class Agent {
 public:
  explicit Agent(const std::string& path) {
    ::unlink(path.c_str());
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
  }
  bool waiting() const { return readable(listener_.get()); }
  void accept() { peer_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  void close() { peer_.reset(); }
  bool has_answer() const { return readable(peer_.get()); }
  // What came: "hello", "ack", "nack ...", or "eof".
  std::string answer() {
    std::array<char, kMaxAck> buffer{};
    const auto count = ::recv(peer_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (count <= 0) return "eof";
    EXPECT_LE(static_cast<std::size_t>(count), buffer.size());
    zds::WorkloadResponse response;
    if (!response.ParseFromArray(buffer.data(), static_cast<int>(count)) || !response.has_ack())
      return "hello";
    return response.ack().error().empty() ? "ack" : "nack " + response.ack().error();
  }
  void send(const zds::WorkloadRequest& request, const std::vector<int>& fds = {}) {
    send(request.SerializeAsString(), fds);
  }
  void send(const std::string& bytes, const std::vector<int>& fds = {}) {
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      auto* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
    }
    EXPECT_EQ(::sendmsg(peer_.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

 private:
  static bool readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
  }
  UniqueFd listener_;
  UniqueFd peer_;
};

zds::WorkloadRequest add_of(const std::string& uid) {
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

  asio::io_context io_;
  std::string directory_, path_;
  UniqueFd netns_;
  FakePods pods_;
  ZdsEvents events_;
  std::optional<Agent> agent_;
  std::optional<ZdsClient> client_;
  int changes_ = 0, ready_ = 0, malformed_ = 0;
};

TEST_F(ZdsClientTest, ServesPodsAndBecomesReady) {
  connect();
  EXPECT_EQ(add("a"), "ack");
  ASSERT_EQ(pods_.running.size(), 1U);
  EXPECT_EQ(::fcntl(pods_.running["a"]->get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_TRUE(client_->ready());
  EXPECT_EQ(ready_, 1);
  EXPECT_EQ(client_->pods().at(0).state, PodStatus::State::up);
}

TEST_F(ZdsClientTest, ReconnectKeepsPodsAndReconciles) {
  connect();
  add("a");
  add("b");
  snapshot();
  agent_->close();
  run_until([&] { return !client_->ready(); });
  EXPECT_EQ(pods_.running.size(), 2U);
  accept();
  zds::WorkloadRequest keep;
  keep.mutable_keep()->set_uid("a");
  EXPECT_EQ(ask(keep), "ack");
  EXPECT_EQ(pods_.running.size(), 2U);
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_EQ(pods_.running.size(), 1U);
  EXPECT_TRUE(client_->ready());
  EXPECT_EQ(ready_, 1) << "reported once";
}

TEST_F(ZdsClientTest, WaitsForAnAgentThatIsNotThereYet) {
  client_.emplace(io_, path_, pods_, events_);
  client_->start();
  io_.run_for(1ms);
  agent_.emplace(path_);
  accept();
}

TEST_F(ZdsClientTest, AnswersOneRequestAtATime) {
  connect();
  pods_.hold = true;
  agent_->send(add_of("a"), {netns_.get()});
  run_until([&] { return pods_.held != nullptr; });
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("other");
  agent_->send(del);
  io_.restart();
  io_.poll();
  EXPECT_FALSE(agent_->has_answer());
  pods_.held({});
  EXPECT_EQ(answer(), "ack");
  EXPECT_EQ(answer(), "ack");
}

TEST_F(ZdsClientTest, RefusedPodsArePending) {
  connect();
  pods_.refuse.insert("a");
  EXPECT_EQ(add("a"), "nack failure to start proxy: port in use");
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(client_->pods().at(0).state, PodStatus::State::pending);
}

TEST_F(ZdsClientTest, DrainClosesAtOnceAndKeepsPods) {
  connect();
  add("a");
  snapshot();
  client_->drain();
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(answer(), "eof");
  io_.restart();
  io_.run_for(50ms);
  EXPECT_FALSE(agent_->waiting()) << "does not come back";
  EXPECT_EQ(pods_.running.size(), 1U);
}

TEST_F(ZdsClientTest, BadPacketsAreNackedLeakNothingAndLeaveEverythingElse) {
  connect();
  add("a");
  snapshot();
  const auto before = open_descriptors();
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("a");
  const int fd = netns_.get();
  struct Case {
    const char* name;
    std::string bytes;
    std::vector<int> fds;
  };
  const std::vector<Case> cases{
      {"two descriptors", add_of("b").SerializeAsString(), {fd, fd}},
      {"more than there is room for", add_of("b").SerializeAsString(), std::vector<int>(40, fd)},
      {"no descriptor", add_of("b").SerializeAsString(), {}},
      {"descriptor on del", del.SerializeAsString(), {fd}},
      {"junk", "\xff\xff\xff", {}},
      {"junk with descriptor", "\xff\xff\xff", {fd}},
      {"too long", std::string(5000, 'x'), {fd}},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.name);
    agent_->send(bad.bytes, bad.fds);
    EXPECT_THAT(answer(), ::testing::StartsWith("nack "));
    EXPECT_EQ(answer(), "eof");
    agent_->close();
    accept();
    EXPECT_EQ(add("a"), "ack");
    EXPECT_EQ(snapshot(), "ack");
    EXPECT_TRUE(client_->ready());
    EXPECT_EQ(pods_.running.size(), 1U);
    EXPECT_EQ(open_descriptors(), before);
  }
  EXPECT_EQ(malformed_, static_cast<int>(cases.size()));
}

TEST_F(ZdsClientTest, NothingLeaksOverALife) {
  const auto before = open_descriptors();
  connect();
  add("a");
  add("a");
  pods_.refuse.insert("b");
  add("b");
  snapshot();
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("a");
  EXPECT_EQ(ask(del), "ack");
  del.mutable_del()->set_uid("b");
  EXPECT_EQ(ask(del), "ack");
  client_.reset();
  agent_.reset();
  EXPECT_LE(open_descriptors(), before + 3) << "Asio's own: epoll, event, timer";
}

}  // namespace
}  // namespace culvert::control
