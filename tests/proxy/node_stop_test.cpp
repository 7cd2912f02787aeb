// How a node stops serving: one pod that is withdrawn, and all of it, drained.
#include "proxy/node_fixture.hpp"

#include <cerrno>
#include <future>

#include "proxy/deaf_application.hpp"

namespace culvert::proxy::testing {
namespace {

// Keeps a worker from everything else while it lives, so that what is posted comes in one go.
class BusyWorker {
 public:
  explicit BusyWorker(NodeProxy& node) {
    node.connections([state = state_](const NodeProxy::Connections&) {
      state->entered.set_value();
      state->released.get_future().wait();
    });
    state_->entered.get_future().wait();
  }
  ~BusyWorker() { state_->released.set_value(); }
  BusyWorker(const BusyWorker&) = delete;

 private:
  struct State {
    std::promise<void> entered;
    std::promise<void> released;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST_F(NodeTest, WithdrawnPodsEndAtOnce) {
  ASSERT_TRUE(start_pod().has_value());
  ASSERT_EQ(connect(target()), 200);
  node_->stop_pod("uid-1");
  run_until([&] { return sides_[0]->ended; });
}

TEST_F(NodeTest, WithdrawingEndsAConnectThatNobodyAnswers) {
  const DeafApplication deaf(*IpAddress::parse(kServerIp));
  ASSERT_TRUE(start_pod().has_value());
  sides_.push_back(std::make_unique<Side>(worker_));
  Side& side = *sides_.back();
  net::spawn(worker_, connect(this, &side, deaf.address().to_string()));
  const auto has = [this](std::string_view family) {
    return catalog_.render().find(family) != std::string::npos;
  };
  run_until([&] { return has("istio_tcp_connections_opened_total{"); });
  const auto begin = Clock::now();
  ::testing::internal::CaptureStderr();
  node_->stop_pod("uid-1");
  run_until([&] { return has("istio_tcp_connections_closed_total{"); });
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_LT(Clock::now() - begin, 5s);  // the connect has ten
  EXPECT_NE(said.find("connection complete"), std::string::npos) << said;
  EXPECT_NE(said.find("connection closed due to connection drain"), std::string::npos) << said;
  run_until([&] { return side.answer.has_value() && side.ended; });
}

// Else a peer that asks and resets has as many dials as it likes under way, whatever the limit of
// its streams.
TEST_F(NodeTest, AResetEndsTheConnectThatItAskedFor) {
  const DeafApplication deaf(*IpAddress::parse(kServerIp));
  ASSERT_TRUE(start_pod().has_value());
  sides_.push_back(std::make_unique<Side>(worker_));
  Side& side = *sides_.back();
  net::spawn(worker_, connect(this, &side, deaf.address().to_string()));
  const auto has = [this](std::string_view family) {
    return catalog_.render().find(family) != std::string::npos;
  };
  run_until([&] { return has("istio_tcp_connections_opened_total{"); });
  const auto begin = Clock::now();
  ASSERT_TRUE(side.relay.abandon());
  run_until([&] { return has("istio_tcp_connections_closed_total{"); });
  EXPECT_LT(Clock::now() - begin, 5s) << "the connect has ten";
  run_until([&] { return side.ended; });
}

TEST_F(NodeTest, WhoWaitsForAPodThatStopsIsNotServed) {
  settings_.workload_timeout = 5s;
  settings_.inbound.internal_ports.ports.clear();  // the test comes without redirection
  make_node(1);
  forget_pod();
  ASSERT_TRUE(start_pod().has_value());
  const UniqueFd client = plain_client();
  const auto& open = catalog_.sockets_open(metrics::Reporter::destination);
  run_until([&] { return open.value() == 1; });  // accepted, and waiting
  {
    const BusyWorker busy(*node_);
    apply(workload("cart", kServerIp));
    node_->stop_pod("uid-1");
  }
  char c = 0;
  run_until([&] { return ::recv(client.get(), &c, 1, 0) >= 0 || errno != EAGAIN; });
  EXPECT_EQ(errno, ECONNRESET);
  pass_through_workers();
  EXPECT_EQ(catalog_.render().find("istio_tcp_connections_opened_total{"), std::string::npos);
}

TEST_F(NodeTest, AFailedStartLeavesItsSuccessorAlone) {
  make_node(2);
  Started failed;
  Started good;
  {
    const BusyWorker busy(*node_);
    begin_start(failed, std::make_shared<UniqueFd>(::dup(app_.get())));  // not a namespace
    node_->stop_pod("uid-1");
    begin_start(good);
  }
  run_until([&] { return failed.answered && good.answered; });
  EXPECT_TRUE(failed.result.has_error());
  ASSERT_TRUE(good.result.has_value());
  pass_through_workers();
  EXPECT_EQ(connect(target()), 200);
}

// Who has connected by the time of a drain is still served: also when the one before is refused at
// once, which leaves the pod with nothing to do for a moment.
TEST_F(NodeTest, ADrainWaitsForWhoeverHasConnected) {
  auto policy = deny_all();
  policy.rules = {state::Rule{{state::Clause{{state::Match{}}}}}};  // also those without identity
  apply(policy);
  ASSERT_TRUE(start_pod().has_value());
  std::promise<void> held;
  std::promise<void> go;
  node_->connections([&](const NodeProxy::Connections&) {  // on the worker, which stands still now
    held.set_value();
    go.get_future().wait();
  });
  held.get_future().wait();
  std::vector<UniqueFd> clients;
  clients.push_back(plain_client());
  const SocketAddress tunnel{*IpAddress::parse(kServerIp), settings_.inbound_port};
  clients.push_back(*net::dial_socket({}, tunnel, std::nullopt, {}));
  ASSERT_TRUE(net::start_connect(clients.back().get(), tunnel).has_value());
  std::atomic<bool> drained{false};
  node_->drain([&] { drained = true; });
  go.set_value();
  run_until([&] { return hbone::testing::at_eof(clients[0]) || errno == ECONNRESET; });
  EXPECT_FALSE(drained) << "the other one has a handshake under way";
  clients.pop_back();
  run_until([&] { return drained.load(); });
}

TEST_F(NodeTest, DrainServesWhoIsConnectedAlready) {
  ASSERT_TRUE(start_pod().has_value());
  sides_.push_back(std::make_unique<Side>(worker_));
  Side& side = *sides_.back();
  std::atomic<bool> drained{false};
  {
    const BusyWorker busy(*node_);
    net::spawn(worker_, connect(this, &side, target()));
    run_until([n = 0]() mutable { return ++n > 20; });  // the client has said its hello
    node_->drain([&] { drained = true; });
  }
  run_until([&] { return side.answer.has_value(); });
  ASSERT_TRUE(side.answer->has_value()) << side.answer->error().detail;
  EXPECT_EQ((*side.answer)->status, 200);
  side.pair.app.reset();
  UniqueFd(::accept4(app_.get(), nullptr, nullptr, SOCK_NONBLOCK)).reset();
  run_until([&] { return drained.load(); });
}

TEST_F(NodeTest, DrainLetsConnectionsFinish) {
  ASSERT_TRUE(start_pod().has_value());
  ASSERT_EQ(connect(target()), 200);
  UniqueFd application(::accept4(app_.get(), nullptr, nullptr, SOCK_NONBLOCK));
  std::atomic<bool> drained{false};
  node_->drain([&] { drained = true; });
  run_until([n = 0]() mutable { return ++n > 20; });
  EXPECT_FALSE(drained.load());
  ASSERT_EQ(::send(application.get(), "last words", 10, 0), 10);
  std::string received;
  run_until([&] {
    received += hbone::testing::read_all(sides_[0]->pair.app);
    return received == "last words";
  });
  application.reset();
  sides_[0]->pair.app.reset();
  run_until([&] { return drained.load(); });
}

}  // namespace
}  // namespace culvert::proxy::testing
