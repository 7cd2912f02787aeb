// A node's data plane on loopback, asked by a foreign HBONE client: what it answers, what it
// delivers, whom it refuses.
#include "proxy/node_fixture.hpp"

#include <algorithm>

namespace culvert::proxy::testing {
namespace {

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

// Two services with the same target port on one pod, as canaries have them.
TEST_F(NodeTest, BooksAConnectionOnTheServiceThatTheClientMeant) {
  state::Update update;
  auto cart = workload("cart", kServerIp);
  for (const auto* const host : {"stable.local", "canary.local"}) {
    state::Service service;
    service.name = service.hostname = Name(host);
    service.namespace_ = Name("shop");
    service.ports = {{80, app_port_}};
    cart.services.push_back({service.key(), {{80, app_port_}}});
    update.services.push_back(std::move(service));
  }
  update.workloads.push_back(std::move(cart));
  store_.apply(std::move(update));
  ASSERT_TRUE(start_pod().has_value());
  request_headers_ = {{"forwarded", "for=\"127.0.0.1:1\";host=canary.local"}};
  ASSERT_EQ(connect(target()), 200);
  EXPECT_NE(catalog_.render().find("destination_service=\"canary.local\""), std::string::npos)
      << catalog_.render();
}

TEST_F(NodeTest, OfTheOwnPodOnlyOnePortIsReached) {
  settings_.own_port = app_port_;
  settings_.original_source = OriginalSource::required;  // of others, not of ourselves
  make_node(1);
  Started started;
  PodInfo own{Name("shop"), Name("cart"), Name("cart")};
  own.own = true;
  node_->start_pod("own", own, nullptr, [&started](Result<void> r) {
    started.result = std::move(r);
    started.answered = true;
  });
  run_until([&] { return started.answered.load(); });
  ASSERT_TRUE(started.result.has_value()) << started.result.error().detail;
  EXPECT_EQ(connect(target()), 200);
  const auto other = static_cast<std::uint16_t>(app_port_ + 1);
  EXPECT_EQ(connect(std::string(kServerIp) + ":" + std::to_string(other)), 503);
  for (const auto port : {settings_.outbound_port, settings_.inbound_plaintext_port}) {
    sockaddr_storage native{};
    const auto length = SocketAddress{*IpAddress::parse(kServerIp), port}.to_native(native);
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_NE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length), 0) << port;
  }
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

}  // namespace
}  // namespace culvert::proxy::testing
