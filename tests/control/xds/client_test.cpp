// The xDS client against a gRPC server on loopback: responses that are taken, and ends of the
// client.
#include "control/xds/client_fixture.hpp"
#include "culvert/state/authorize.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <gmock/gmock.h>

namespace culvert::control::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST_F(XdsClientTest, SyncsAndBecomesReady) {
  testing::LoopbackServer server(ads_);
  ServerOptions options;
  options.address = server.address();
  options.token = TokenSource::literal("t0ken");
  options.cluster_id = "c1";
  options.headers = {{"X-Tenant", "blue"}};
  start(options);
  EXPECT_EQ(opening().node().metadata().fields().at("NODE_NAME").string_value(), "node-1");
  EXPECT_EQ(ads_.headers()["authorization"], "Bearer t0ken");
  EXPECT_EQ(ads_.headers()["clusterid"], "c1");
  EXPECT_EQ(ads_.headers()["x-tenant"], "blue");
  ads_.send(addresses("n1", {"a", "b"}));
  const auto ack = next();
  EXPECT_EQ(ack.response_nonce(), "n1");
  EXPECT_FALSE(ack.has_error_detail());
  ASSERT_EQ(updates_.size(), 1U) << "applied before the acknowledgement";
  EXPECT_EQ(updates_[0].workloads.size(), 2U);
  EXPECT_EQ(ready_, 0);
  EXPECT_TRUE(client_->connected());
  ads_.send(no_policies("n2"));
  EXPECT_EQ(next().response_nonce(), "n2");
  testing::run_until(io_, [&] { return ready_ == 1; });
  EXPECT_TRUE(client_->ready());
  EXPECT_GT(bytes_, 0U);
}

TEST_F(XdsClientTest, RejectsPartOfAResponse) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  auto response = addresses("n1", {"good"});
  response.MergeFrom(addresses("n1", {"bad"}, "v1", "xyz"));
  ads_.send(response);
  const auto nack = next();
  EXPECT_EQ(nack.response_nonce(), "n1");
  EXPECT_THAT(nack.error_detail().message(), HasSubstr("bad: addresses"));
  ASSERT_EQ(updates_.size(), 1U);
  EXPECT_EQ(updates_[0].workloads.at(0).uid, "good");
  EXPECT_EQ(rejected_, 1U);
}

// A policy whose only rule cannot be read must not be as if there were no policy.
TEST_F(XdsClientTest, ABadPolicyAtTheFirstSyncIsEnforcedAsNothingAllowed) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  ads_.send(addresses("n1", {"a"}));
  next();
  istio::security::Authorization policy;
  policy.set_name("only-80");
  policy.set_action(istio::security::ALLOW);
  policy.add_rules()->add_clauses()->add_matches()->add_destination_ports(70'000);
  auto response = no_policies("n2");
  auto* resource = response.add_resources();
  resource->set_name("ns/only-80");
  resource->set_version("v1");
  resource->mutable_resource()->set_type_url(kAuthorization);
  resource->mutable_resource()->set_value(policy.SerializeAsString());
  ads_.send(response);
  EXPECT_THAT(next().error_detail().message(), HasSubstr("ns/only-80: destination_ports"));
  testing::run_until(io_, [&] { return ready_ == 1; });
  state::Store store(state::LocalNode{});
  for (auto& update : updates_) store.apply(std::move(update));
  const auto view = store.view();
  const auto workload = view.find_workload(Name("a"));
  ASSERT_NE(workload, nullptr);
  EXPECT_FALSE(state::authorize(view, *workload, {}).allowed) << "a plaintext peer";
}

// A response of more than 200 MiB, as one message.
TEST_F(XdsClientTest, TakesVeryLargeResponses) {
  constexpr int kCount = 208;
  testing::LoopbackServer server(ads_);
  start(server.address());
  opening();
  istio::workload::Address big;
  big.mutable_workload()->set_canonical_name(std::string(1UL << 20, 'x'));
  Response response = addresses("n1", {});
  for (int i = 0; i < kCount; ++i) {
    const auto uid = "big-" + std::to_string(i);
    big.mutable_workload()->set_uid(uid);
    auto* resource = response.add_resources();
    resource->set_name(uid);
    resource->mutable_resource()->set_type_url(kAddress);
    big.SerializeToString(resource->mutable_resource()->mutable_value());
  }
  ads_.send(std::move(response));
  EXPECT_FALSE(next().has_error_detail());
  EXPECT_GE(bytes_, 200UL << 20);
  ASSERT_EQ(updates_.size(), 1U);
  EXPECT_EQ(updates_[0].workloads.size(), static_cast<std::size_t>(kCount));
}

TEST_F(XdsClientTest, MayBeDestroyedAtAnyTime) {
  testing::LoopbackServer server(ads_);
  start(server.address());
  client_.reset();
  start(server.address());
  opening();
  ads_.send(addresses("n1", {"a"}));
  client_.reset();
  io_.restart();
  io_.poll();
  EXPECT_TRUE(updates_.empty());
}

// Nothing else of gRPC lives then: the channel that the last call held takes gRPC's threads with
// it, which one of these threads cannot do.
TEST_F(XdsClientTest, TheLastChannelIsNotLeftToAThreadOfGrpc) {
  boost::asio::ip::tcp::acceptor mute(
      io_, {boost::asio::ip::address_v4::loopback(), 0});  // accepts, and never answers
  for (int round = 0; round < 20; ++round) {
    start("http://127.0.0.1:" + std::to_string(mute.local_endpoint().port()));
    io_.restart();
    io_.run_one_for(10ms);  // the call begins
    client_.reset();
  }
  EXPECT_TRUE(ends_.empty());
}

TEST(XdsClientSettings, AreChecked) {
  boost::asio::io_context io;
  XdsOptions options;
  options.server.address = "h:x";
  EXPECT_EQ(XdsClient::make(io, options, {}).error().code, Errc::invalid);
  options.server.address = "h:1";
  options.node.json_metadata = {{"X", "nonsense}"}};
  EXPECT_EQ(XdsClient::make(io, options, {}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace culvert::control::test
