// A node's data plane on loopback, asked by a foreign HBONE client: what it answers, what it
// delivers, what it ends.
#include "culvert/proxy/node_proxy.hpp"

#include <gtest/gtest.h>

#include <future>

#include "culvert/metrics/catalog.hpp"
#include "hbone/mesh_pair.hpp"
#include "proxy/deaf_application.hpp"

namespace culvert::proxy {
namespace {

using hbone::testing::Side;
using namespace std::chrono_literals;

constexpr std::string_view kServerIp = "127.0.0.3";

std::uint16_t free_port() {
  auto fd = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
  return net::local_address(fd->get())->port;
}

state::Workload workload(std::string_view name, std::string_view ip) {
  state::Workload made;
  made.uid = Name("c//Pod/shop/" + std::string(name));
  made.name = Name(name);
  made.namespace_ = Name("shop");
  made.service_account = Name(name);
  made.trust_domain = Name("cluster.local");
  made.addresses = {*IpAddress::parse(ip)};
  made.protocol = state::Protocol::hbone;
  return made;
}

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    settings_.inbound_port = free_port();
    settings_.outbound_port = free_port();
    settings_.inbound_plaintext_port = free_port();
    settings_.original_source = OriginalSource::off;
    settings_.ipv6 = false;
    settings_.workload_timeout = 200ms;
    settings_.inbound.internal_ports.ports = {settings_.inbound_port, settings_.outbound_port,
                                              settings_.inbound_plaintext_port};
    app_ = *net::listen_tcp({}, SocketAddress{*IpAddress::parse(kServerIp), 0}, {}, {});
    app_port_ = net::local_address(app_.get())->port;
    make_node(1);
    store_.add_listener([this](const state::Changes& changes) { node_->on_changes(changes); });
    apply(workload("cart", kServerIp));
    apply(workload("front", "127.0.0.1"));
  }
  void make_node(unsigned workers) {
    const NodeProxy::Parts parts{store_,
                                 source_,
                                 catalog_.traffic(),
                                 {&catalog_.sockets_open(metrics::Reporter::source),
                                  &catalog_.sockets_open(metrics::Reporter::destination)}};
    node_ = std::make_unique<NodeProxy>(settings_, hbone::TunnelSettings{}, workers, parts);
  }
  ~NodeTest() override {
    pool_.cut(fail(Errc::cancelled, "test ends"));
    run_until([&] { return pool_.empty(); });
    std::atomic<bool> drained{false};
    node_->drain([&] { drained = true; });
    node_->cut();
    run_until([&] { return drained.load(); });
  }

  void apply(state::Workload one) {
    state::Update update;
    update.workloads.push_back(std::move(one));
    store_.apply(std::move(update));
  }
  void apply(state::Policy one) {
    state::Update update;
    update.policies.push_back(std::move(one));
    store_.apply(std::move(update));
  }
  // A DENY policy of the server's namespace for everybody with an identity.
  static state::Policy deny_all() {
    state::Policy policy;
    policy.name = Name("deny");
    policy.namespace_ = Name("shop");
    policy.resource_name = Name("shop/deny");
    policy.scope = state::Policy::Scope::namespace_;
    policy.action = state::Policy::Action::deny;
    state::Match match;
    match.principals.push_back(state::StringMatch{state::StringMatch::Kind::presence, {}});
    policy.rules = {state::Rule{{state::Clause{{match}}}}};
    return policy;
  }

  // The outcome of a start that has been asked for.
  struct Started {
    std::atomic<bool> answered{false};
    Result<void> result;
  };
  void begin_start(Started& started, std::shared_ptr<UniqueFd> netns = nullptr) {
    node_->start_pod("uid-1", {Name("shop"), Name("cart"), Name("cart")}, std::move(netns),
                     [&started](Result<void> r) {
                       started.result = std::move(r);
                       started.answered = true;
                     });
  }
  Result<void> start_pod() {
    Started started;
    begin_start(started);
    run_until([&] { return started.answered.load(); });
    return started.result;
  }
  // The mesh forgets the pod.
  void forget_pod() {
    state::Update update;
    update.removed_addresses = {"c//Pod/shop/cart"};
    store_.apply(std::move(update));
  }
  // Waits until every worker has done what was posted to it before.
  void pass_through_workers() {
    std::atomic<bool> passed{false};
    node_->connections([&](const NodeProxy::Connections&) { passed = true; });
    run_until([&] { return passed.load(); });
  }
  // A client of the plaintext port, as soon as the kernel has connected it.
  UniqueFd plain_client() {
    const SocketAddress address{*IpAddress::parse(kServerIp), settings_.inbound_plaintext_port};
    auto fd = net::dial_socket({}, address, std::nullopt, {});
    EXPECT_TRUE(net::start_connect(fd->get(), address).has_value());
    EXPECT_TRUE(net::connect_result(fd->get()).has_value());
    return std::move(*fd);
  }

  static net::Async<void> connect(NodeTest* self, Side* side, std::string authority) {
    hbone::PoolKey key;
    key.source = {Name("cluster.local"), Name("shop"), Name("front")};
    key.expected = {{Name("cluster.local"), Name("shop"), Name("cart")}};
    key.destination = SocketAddress{*IpAddress::parse(kServerIp), self->settings_.inbound_port};
    auto tunnel = co_await self->pool_.checkout(std::move(key));
    if (!tunnel) {
      side->answer = tunnel.error();
      co_return;
    }
    auto sent = side->relay.request(**tunnel, authority, {});
    EXPECT_TRUE(sent.has_value());
    auto answer = co_await side->relay.response(self->worker_.now() + 5s);
    side->answer = answer;
    if (answer && answer->status == 200) {
      side->start();
    } else if (!side->relay.abandon()) {
      side->ended = true;
    }
  }
  // The status of a CONNECT to `authority`; 0 when there was none.
  int connect(const std::string& authority) {
    sides_.push_back(std::make_unique<Side>(worker_));
    Side& side = *sides_.back();
    net::spawn(worker_, connect(this, &side, authority));
    run_until([&] { return side.answer.has_value(); });
    return side.answer->has_value() ? (*side.answer)->status : 0;
  }
  std::string target() { return std::string(kServerIp) + ":" + std::to_string(app_port_); }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + 15s;
    worker_.run_until([&] {
      if (Clock::now() < deadline) return done();
      ADD_FAILURE() << "nothing happens any more";
      return true;
    });
  }

  net::Worker worker_{9};
  culvert::testing::TestCa ca_;
  culvert::testing::FakeCertificateSource source_{ca_};
  metrics::Catalog catalog_{"test"};
  state::Store store_{state::LocalNode{}};
  Settings settings_;
  UniqueFd app_;
  std::uint16_t app_port_ = 0;
  std::unique_ptr<NodeProxy> node_;
  hbone::Context context_{worker_, hbone::TunnelSettings{}, source_};
  hbone::Pool pool_{context_, hbone::DialSettings{}};
  std::vector<std::unique_ptr<Side>> sides_;
};

TEST_F(NodeTest, DeliversToTheApplicationAndCounts) {
  ASSERT_TRUE(start_pod().has_value());
  ASSERT_EQ(connect(target()), 200);
  UniqueFd application(::accept4(app_.get(), nullptr, nullptr, SOCK_NONBLOCK));
  ASSERT_TRUE(static_cast<bool>(application));
  ASSERT_EQ(::send(sides_[0]->pair.app.get(), "hello", 5, 0), 5);
  std::string received;
  run_until([&] {
    received += hbone::testing::read_all(application);
    return received == "hello";
  });
  application.reset();
  sides_[0]->pair.app.reset();
  run_until([&] {
    return catalog_.render().find("istio_tcp_connections_closed_total{") != std::string::npos;
  });
  const auto text = catalog_.render();
  EXPECT_NE(text.find("istio_tcp_received_bytes_total{reporter=\"destination\""),
            std::string::npos);
  EXPECT_NE(text.find("source_principal=\"spiffe://cluster.local/ns/shop/sa/front\""),
            std::string::npos);
}

TEST_F(NodeTest, AnswersWithTheDocumentedStatus) {
  ASSERT_TRUE(start_pod().has_value());
  EXPECT_EQ(connect("127.0.0.99:80"), 400);  // not this pod
  EXPECT_EQ(connect("no-port"), 400);
  EXPECT_EQ(connect(std::string(kServerIp) + ":" + std::to_string(settings_.inbound_port)), 503);
  app_.reset();
  EXPECT_EQ(connect(target()), 503);  // nobody listens
}

TEST_F(NodeTest, DeniesByPolicy) {
  apply(deny_all());
  ASSERT_TRUE(start_pod().has_value());
  EXPECT_EQ(connect(target()), 401);
  EXPECT_NE(catalog_.render().find("response_flags=\"DENY\""), std::string::npos);
}

TEST_F(NodeTest, EndsConnectionsThatANewPolicyForbids) {
  ASSERT_TRUE(start_pod().has_value());
  ASSERT_EQ(connect(target()), 200);
  apply(deny_all());
  run_until([&] { return sides_[0]->ended; });
  EXPECT_EQ(connect(target()), 401);
}

TEST_F(NodeTest, EndsThemAllHoweverManyThereAre) {
  ASSERT_TRUE(start_pod().has_value());
  for (int i = 0; i < 150; ++i) ASSERT_EQ(connect(target()), 200);
  apply(deny_all());
  run_until([&] {
    return std::all_of(sides_.begin(), sides_.end(), [](const auto& side) { return side->ended; });
  });
}

TEST_F(NodeTest, AnUnknownPodIsRefusedAfterTheWait) {
  forget_pod();
  ASSERT_TRUE(start_pod().has_value());
  EXPECT_EQ(connect(target()), 0);
}

TEST_F(NodeTest, APodThatBecomesKnownInTimeIsServed) {
  forget_pod();
  ASSERT_TRUE(start_pod().has_value());
  net::Timer later([&] { apply(workload("cart", kServerIp)); });
  later.arm(worker_.timers(), Clock::now() + 50ms);
  EXPECT_EQ(connect(target()), 200);
}

TEST_F(NodeTest, SaysWhyAPodCannotBeServed) {
  const auto taken = net::listen_tcp({}, SocketAddress{IpAddress(), settings_.inbound_port}, {},
                                     net::ListenOptions{.reuse_port = false});
  ASSERT_TRUE(taken.has_value());
  const auto started = start_pod();
  ASSERT_TRUE(started.has_error());
  EXPECT_NE(started.error().detail.find(std::to_string(settings_.inbound_port)), std::string::npos);
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

TEST_F(NodeTest, WithdrawnPodsEndAtOnce) {
  ASSERT_TRUE(start_pod().has_value());
  ASSERT_EQ(connect(target()), 200);
  node_->stop_pod("uid-1");
  run_until([&] { return sides_[0]->ended; });
}

TEST_F(NodeTest, WithdrawingEndsAConnectThatNobodyAnswers) {
  const testing::DeafApplication deaf(*IpAddress::parse(kServerIp));
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

TEST_F(NodeTest, AMissingPolicyIsNamedOnce) {
  auto cart = workload("cart", kServerIp);
  cart.authorization_policies = {Name("shop/late")};
  apply(cart);
  ASSERT_TRUE(start_pod().has_value());
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(connect(target()), 200);
  const std::string said = ::testing::internal::GetCapturedStderr();
  const auto first = said.find("shop/late");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("shop/late", first + 1), std::string::npos) << said;
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
}  // namespace culvert::proxy
