// The xDS client against a gRPC server on loopback.
#include "control/server/loopback_server.hpp"
#include "culvert/control/xds.hpp"
#include "culvert/state/authorize.hpp"

#include "proto/authorization.pb.h"
#include "proto/discovery.grpc.pb.h"
#include "proto/workload.pb.h"

#include <boost/asio/ip/tcp.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
namespace discovery = envoy::service::discovery::v3;
using Request = discovery::DeltaDiscoveryRequest;
using Response = discovery::DeltaDiscoveryResponse;

constexpr const char* kAddress = "type.googleapis.com/istio.workload.Address";
constexpr const char* kAuthorization = "type.googleapis.com/istio.security.Authorization";

// One stream at a time; the test reads its requests and writes its responses.
class FakeAds : public discovery::AggregatedDiscoveryService::CallbackService {
 public:
  grpc::ServerBidiReactor<Request, Response>* DeltaAggregatedResources(
      grpc::CallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    headers_.clear();
    for (const auto& [key, value] : context->client_metadata())
      headers_[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    ++streams_;
    return new Stream(*this);
  }
  std::optional<Request> take() {
    const std::lock_guard lock(mutex_);
    if (requests_.empty()) return std::nullopt;
    auto first = std::move(requests_.front());
    requests_.pop_front();
    return first;
  }
  // The client must have sent something on the stream before.
  void send(Response response) {
    const std::lock_guard lock(mutex_);
    current_->outgoing.push_back(std::move(response));
    current_->write_next();
  }
  void finish(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    std::exchange(current_, nullptr)->Finish(status);
    requests_.clear();
  }
  std::map<std::string, std::string> headers() {
    const std::lock_guard lock(mutex_);
    return headers_;
  }
  int streams() {
    const std::lock_guard lock(mutex_);
    return streams_;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return current_ == nullptr;
  }

 private:
  struct Stream : grpc::ServerBidiReactor<Request, Response> {
    explicit Stream(FakeAds& ads_in) : ads(ads_in) {
      ads.current_ = this;
      StartRead(&incoming);
    }
    void OnReadDone(bool ok) override {
      const std::lock_guard lock(ads.mutex_);
      if (ok) {
        ads.requests_.push_back(incoming);
        StartRead(&incoming);
      } else if (ads.current_ == this) {
        ads.current_ = nullptr;
        Finish(grpc::Status::CANCELLED);
      }
    }
    void OnWriteDone(bool) override {
      const std::lock_guard lock(ads.mutex_);
      outgoing.pop_front();
      writing = false;
      write_next();
    }
    void OnDone() override { delete this; }
    void write_next() {
      if (writing || outgoing.empty()) return;
      writing = true;
      StartWrite(&outgoing.front());
    }
    FakeAds& ads;
    Request incoming;
    std::deque<Response> outgoing;
    bool writing = false;
  };

  std::mutex mutex_;
  Stream* current_ = nullptr;
  std::deque<Request> requests_;
  std::map<std::string, std::string> headers_;
  int streams_ = 0;
};

Response addresses(const std::string& nonce, const std::vector<std::string>& uids,
                   const std::string& version = "v1", const std::string& ip = "\x01\x02\x03\x04") {
  Response out;
  out.set_type_url(kAddress);
  out.set_nonce(nonce);
  for (const auto& uid : uids) {
    istio::workload::Address address;
    address.mutable_workload()->set_uid(uid);
    address.mutable_workload()->add_addresses(ip);
    auto* resource = out.add_resources();
    resource->set_name(uid);
    resource->set_version(version);
    resource->mutable_resource()->set_type_url(kAddress);
    resource->mutable_resource()->set_value(address.SerializeAsString());
  }
  return out;
}

Response no_policies(const std::string& nonce) {
  Response out;
  out.set_type_url(kAuthorization);
  out.set_nonce(nonce);
  return out;
}

class XdsClientTest : public ::testing::Test {
 protected:
  ~XdsClientTest() override {
    client_.reset();
    testing::run_until(io_, [&] { return ads_.idle(); });
  }
  void start(ServerOptions server) {
    XdsOptions options;
    options.server = std::move(server);
    options.node.node_name = "node-1";
    XdsEvents events;
    events.apply = [this](state::Update update) { updates_.push_back(std::move(update)); };
    events.ready = [this] { ++ready_; };
    events.terminated = [this](XdsTermination reason) { ends_.push_back(reason); };
    events.received = [this](std::string_view, std::uint64_t bytes, std::uint64_t rejected) {
      bytes_ += bytes;
      rejected_ += rejected;
    };
    auto made = XdsClient::make(io_, std::move(options), std::move(events));
    ASSERT_TRUE(made.has_value());
    client_ = std::move(*made);
    client_->start();
  }
  void start(const std::string& address) {
    ServerOptions server;
    server.address = address;
    start(std::move(server));
  }
  Request next() {
    std::optional<Request> request;
    testing::run_until(io_, [&] { return (request = ads_.take()).has_value(); });
    return request.value_or(Request());
  }
  // Reads the opening of a stream; the address part.
  Request opening() {
    auto first = next();
    EXPECT_EQ(first.type_url(), kAddress);
    EXPECT_EQ(next().type_url(), kAuthorization);
    return first;
  }

  boost::asio::io_context io_;
  FakeAds ads_;
  std::unique_ptr<XdsClient> client_;
  std::vector<state::Update> updates_;
  std::vector<XdsTermination> ends_;
  int ready_ = 0;
  std::uint64_t bytes_ = 0, rejected_ = 0;
};

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
}  // namespace culvert::control
