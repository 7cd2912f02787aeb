// The xDS client when its streams end, or cannot begin: what it says of that, and how it goes on.
#include "control/xds/client_fixture.hpp"

#include <gmock/gmock.h>

namespace culvert::control::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST_F(XdsClientTest, ReportsHeldVersionsAfterAReconnect) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  ads_.send(addresses("n1", {"a", "b"}));
  next();
  Response removal = no_policies("n2");
  removal.set_type_url(kAddress);
  removal.add_removed_resources("b");
  ads_.send(removal);
  next();
  ASSERT_EQ(updates_.size(), 2U);
  EXPECT_THAT(updates_[1].removed_addresses, ElementsAre("b"));
  ads_.finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "rotating"));
  const auto again = opening();
  EXPECT_THAT(again.initial_resource_versions(), UnorderedElementsAre(Pair("a", "v1")));
  EXPECT_TRUE(again.has_node());
  EXPECT_THAT(ends_, ElementsAre(XdsTermination::reconnect));
  EXPECT_EQ(updates_.size(), 2U) << "nothing was dropped meanwhile";
}

TEST_F(XdsClientTest, ARateLimitDoesNotForgetVersions) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  ads_.send(addresses("n1", {std::string(80'000, 'a')}));
  next();
  ads_.finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "rotating"));
  EXPECT_EQ(opening().initial_resource_versions_size(), 1);
  ads_.finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "request rate limit exceeded"));
  EXPECT_EQ(opening().initial_resource_versions_size(), 1);
}

TEST_F(XdsClientTest, AsksForEverythingWhenItsVersionsAreTooMuch) {
  const std::string a(80'000, 'a'), b(80'000, 'b');
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  ads_.send(addresses("n1", {a, b}));
  next();
  ads_.finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "rotating"));
  EXPECT_EQ(opening().initial_resource_versions_size(), 2);
  ads_.finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                           "grpc: received message larger than max (80000 vs. 70000)"));
  EXPECT_EQ(opening().initial_resource_versions_size(), 0);
  ASSERT_EQ(updates_.size(), 1U) << "nothing is dropped before the answer";
  ads_.send(addresses("n2", {b}, "v2"));
  next();
  ASSERT_EQ(updates_.size(), 2U);
  EXPECT_EQ(updates_[1].workloads.size(), 1U);
  EXPECT_THAT(updates_[1].removed_addresses, ElementsAre(a));
}

TEST_F(XdsClientTest, EndsAreTold) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  ads_.finish(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "who?"));
  opening();
  ads_.send(addresses("n1", {}));
  next();
  ads_.finish(grpc::Status::OK);
  opening();
  ads_.send(addresses("n1", {}));
  next();
  ads_.finish(grpc::Status(grpc::StatusCode::INTERNAL, "x"));
  opening();
  EXPECT_THAT(ends_, ElementsAre(XdsTermination::connection_error, XdsTermination::complete,
                                 XdsTermination::error));
}

TEST_F(XdsClientTest, ServerAndTrustRootMayComeLater) {
  const auto right = testing::make_server_certificate("DNS:xds.example");
  const testing::TemporaryFile root("");
  int port = 0;
  {
    port = testing::LoopbackServer(ads_).port();
  }
  ServerOptions options;
  options.address = "127.0.0.1:" + std::to_string(port);
  options.root = root.path();
  options.alt_hostname = "xds.example";
  start(options);
  testing::run_until(io_, [&] { return ends_.size() >= 2; });
  root.write(testing::make_server_certificate("DNS:xds.example").certificate);
  testing::LoopbackServer server(ads_, &right, port);
  const auto before = ends_.size();
  testing::run_until(io_, [&] { return ends_.size() >= before + 2; });
  EXPECT_EQ(ads_.streams(), 0);
  root.write(right.certificate);
  opening();
  EXPECT_THAT(ends_, ::testing::Each(XdsTermination::connection_error));
}

}  // namespace
}  // namespace culvert::control::test
