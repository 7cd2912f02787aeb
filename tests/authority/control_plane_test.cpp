// The whole control plane over TLS on the loopback interface, as clients see it.
#include "culvert/authority/control_plane.hpp"

#include "authority/ca.hpp"
#include "authority/delta_session.hpp"
#include "authority/request_builder.hpp"
#include "authority/snapshot.hpp"
#include "culvert/base/file.hpp"
#include "support/temp_dir.hpp"

#include "proto/ca.grpc.pb.h"
#include "proto/discovery.grpc.pb.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

namespace culvert::authority {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace auth = istio::v1::auth;
using Ads = envoy::service::discovery::v3::AggregatedDiscoveryService;
using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;
using testing::TempDir;

constexpr const char* kCart = "spiffe://cluster.local/ns/shop/sa/cart";
constexpr const char* kTokens = "all-powers\nnode-a:token-of-a\nnode-b:token-of-b\n";

std::string workload(const std::string& name, const std::string& ip, const std::string& node) {
  return "- {uid: \"c1//Pod/shop/" + name + "\", name: " + name +
         ", namespace: shop, serviceAccount: " + name + ", workloadIps: [\"" + ip +
         "\"], protocol: HBONE, node: " + node + ", services: {}}\n";
}

std::string mesh(const std::string& workloads) {
  return "workloads:\n" + workloads +
         "services:\n- {name: cart, namespace: shop, hostname: cart.shop, vips: "
         "[\"/198.19.0.1\"], ports: {80: 8080}}\n"
         "policies:\n- {name: deny, namespace: shop, scope: Namespace, action: Deny, dryRun: "
         "false, rules: []}\n";
}

std::string two_workloads() {
  return workload("cart", "198.18.0.5", "node-a") + workload("front", "198.18.0.6", "node-b");
}

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    options_.config = temp_.write("mesh.yaml", mesh(two_workloads()));
    options_.token_file = temp_.write_secret("tokens", kTokens);
    options_.state_dir = temp_.path() / "state";
    options_.listen = {{IpAddress::v4_loopback(), 0}};
    options_.debounce = 2ms;
  }

  void start() {
    auto started = ControlPlane::start(options_);
    ASSERT_TRUE(started) << started.error().detail;
    plane_ = std::move(*started);
    channel_ = channel(*read_file(plane_->root_certificate()));
  }
  std::shared_ptr<grpc::Channel> channel(const std::string& roots) const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = roots;
    const auto target = "localhost:" + std::to_string(plane_->addresses().front().port);
    return grpc::CreateChannel("ipv4:127.0.0.1:" + target.substr(10), grpc::SslCredentials(tls));
  }
  static void prepare(grpc::ClientContext& context, const std::string& token) {
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  }
  // One CreateCertificate call.
  grpc::Status create(const std::string& token, const std::string& csr,
                      const std::string& impersonated, auth::IstioCertificateResponse* response,
                      std::int64_t seconds = 600) {
    grpc::ClientContext context;
    prepare(context, token);
    auth::IstioCertificateRequest request;
    request.set_csr(csr);
    request.set_validity_duration(seconds);
    if (!impersonated.empty())
      (*request.mutable_metadata()->mutable_fields())["ImpersonatedIdentity"].set_string_value(
          impersonated);
    return auth::IstioCertificateService::NewStub(channel_)->CreateCertificate(&context, request,
                                                                               response);
  }

  // Returns when everything that was written before has been looked at: the token file comes last.
  void let_it_look() {
    const std::string token = "barrier-" + std::to_string(++barriers_);
    temp_.write("tokens", kTokens + token + "\n");
    const auto limit = std::chrono::steady_clock::now() + 10s;
    auth::IstioCertificateResponse unused;
    while (create(token, "", "", &unused).error_code() == grpc::StatusCode::UNAUTHENTICATED)
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the token file was not read";
  }

  int barriers_ = 0;
  TempDir temp_;
  Options options_;
  std::unique_ptr<ControlPlane> plane_;
  std::shared_ptr<grpc::Channel> channel_;
};

// One xDS stream, used by one test step at a time.
class Stream {
 public:
  Stream(const std::shared_ptr<grpc::Channel>& channel, const std::string& token)
      : stub_(Ads::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + 20s);
    if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
    stream_ = stub_->DeltaAggregatedResources(&context_);
  }
  ~Stream() {
    if (ended_) return;
    context_.TryCancel();
    stream_->Finish();
  }

  void subscribe(std::string_view type, const std::map<std::string, std::string>& versions = {}) {
    Request request;
    request.mutable_node()->set_id("ztunnel~198.18.0.1~z.ns~ns.svc.cluster.local");
    request.set_type_url(std::string(type));
    for (const auto& [name, version] : versions)
      (*request.mutable_initial_resource_versions())[name] = version;
    stream_->Write(request);
  }
  void answer(const Response& response, const std::string& rejection = {}) {
    Request request;
    request.set_type_url(response.type_url());
    request.set_response_nonce(response.nonce());
    if (!rejection.empty()) request.mutable_error_detail()->set_message(rejection);
    stream_->Write(request);
  }
  void write(const Request& request) { stream_->Write(request); }
  // The next response; an empty one when the stream has ended.
  Response read() {
    Response response;
    stream_->Read(&response);
    return response;
  }
  grpc::Status end() {
    ended_ = true;
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  std::unique_ptr<Ads::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  bool ended_ = false;
};

std::vector<std::string> names(const Response& response) {
  std::vector<std::string> out;
  for (const auto& resource : response.resources()) out.push_back(resource.name());
  return out;
}

TEST_F(ControlPlaneTest, ServesTheMeshAndItsChanges) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  auto response = stream.read();
  EXPECT_EQ(response.type_url(), kAddressType);
  EXPECT_THAT(names(response),
              ElementsAre("c1//Pod/shop/cart", "c1//Pod/shop/front", "shop/cart.shop"));
  EXPECT_THAT(response.resources(0).aliases(), ElementsAre("/198.18.0.5"));
  EXPECT_EQ(response.resources(0).resource().type_url(), kAddressType);
  stream.answer(response);
  stream.subscribe(kAuthorizationType);
  response = stream.read();
  EXPECT_EQ(response.type_url(), kAuthorizationType);
  EXPECT_THAT(names(response), ElementsAre("shop/deny"));
  stream.answer(response, "shop/deny: refused by the test");

  temp_.replace("mesh.yaml", mesh(workload("cart", "198.18.0.7", "node-a") +
                                  workload("new", "198.18.0.8", "node-b")));
  response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("c1//Pod/shop/cart", "c1//Pod/shop/new"));
  EXPECT_THAT(response.removed_resources(), ElementsAre("c1//Pod/shop/front"));
}

TEST_F(ControlPlaneTest, KeepsServingWhenTheFileIsBad) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.answer(stream.read());
  temp_.replace("mesh.yaml", "workloads: [}");
  // Whether it was read by now or not: a new stream gets the earlier mesh, and the first hears
  // nothing until the file is good.
  Stream second(channel_, "all-powers");
  second.subscribe(kAddressType);
  EXPECT_EQ(second.read().resources_size(), 3);
  temp_.replace("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  EXPECT_THAT(names(stream.read()), ElementsAre("c1//Pod/shop/new"));
}

TEST_F(ControlPlaneTest, KeepsServingWhenTheFileIsEmptied) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.answer(stream.read());
  for (const char* nothing : {"", "# to be written\n", "---\n", "policies:\n"}) {
    temp_.write("mesh.yaml", nothing);
    let_it_look();
  }
  temp_.write("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  const auto response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("c1//Pod/shop/new"));
  EXPECT_THAT(response.removed_resources(), IsEmpty());
  stream.answer(response);
  temp_.write("mesh.yaml", "{}\n");
  EXPECT_THAT(stream.read().removed_resources(), SizeIs(4)) << "an empty mesh, said so";
}

TEST_F(ControlPlaneTest, VersionsSurviveARestart) {
  start();
  std::map<std::string, std::string> versions{{"c1//Pod/shop/gone", "x"}};
  {
    Stream stream(channel_, "all-powers");
    stream.subscribe(kAddressType);
    const auto response = stream.read();
    for (const auto& resource : response.resources())
      versions[resource.name()] = resource.version();
  }
  const auto root = *read_file(plane_->root_certificate());
  plane_.reset();
  start();
  EXPECT_EQ(*read_file(plane_->root_certificate()), root);
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType, versions);
  const auto response = stream.read();
  EXPECT_THAT(names(response), IsEmpty());
  EXPECT_THAT(response.removed_resources(), ElementsAre("c1//Pod/shop/gone"));
}

TEST_F(ControlPlaneTest, AnswersByAlias) {
  start();
  Stream stream(channel_, "token-of-a");
  Request request;
  request.mutable_node()->set_id("node");
  request.set_type_url(std::string(kAddressType));
  request.add_resource_names_subscribe("/198.19.0.1");
  request.add_resource_names_subscribe("/198.19.0.9");
  stream.write(request);
  const auto response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("shop/cart.shop"));
  EXPECT_THAT(response.removed_resources(), ElementsAre("/198.19.0.9"));
}

TEST_F(ControlPlaneTest, RefusesStreamsWithoutTokenOrNode) {
  start();
  for (const char* token : {"", "wrong"}) {
    Stream stream(channel_, token);
    stream.subscribe(kAddressType);
    EXPECT_EQ(stream.read().resources_size(), 0);
    EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  Stream stream(channel_, "all-powers");
  stream.write(Request());
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ControlPlaneTest, AnUnknownTypeDoesNotDisturbTheStream) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  stream.subscribe(kAuthorizationType);
  EXPECT_THAT(names(stream.read()), ElementsAre("shop/deny"));
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::OK);
}

TEST_F(ControlPlaneTest, IssuesACertificateThatTheRootVerifies) {
  start();
  auth::IstioCertificateResponse response;
  const auto status = create("token-of-a", make_request({.uris = {kCart}}), kCart, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.cert_chain_size(), 2);
  EXPECT_EQ(response.cert_chain(1), *read_file(plane_->root_certificate()));
  const auto leaf = *cert_from_pem(response.cert_chain(0));
  const auto root = *cert_from_pem(response.cert_chain(1));
  EXPECT_EQ(X509_verify(leaf.get(), X509_get0_pubkey(root.get())), 1);
  EXPECT_LE(*not_after(*leaf), WallClock::now() + 600s);
  EXPECT_GT(*not_after(*leaf), WallClock::now() + 500s);
}

TEST_F(ControlPlaneTest, BoundsTheLifeOfACertificate) {
  options_.max_ttl = 60s;
  start();
  for (const std::int64_t asked : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{86'400},
                                   std::numeric_limits<std::int64_t>::max()}) {
    auth::IstioCertificateResponse response;
    ASSERT_TRUE(create("all-powers", make_request({.uris = {kCart}}), "", &response, asked).ok());
    const auto leaf = *cert_from_pem(response.cert_chain(0));
    EXPECT_LE(*not_after(*leaf), WallClock::now() + 60s) << asked;
    EXPECT_GT(*not_after(*leaf), WallClock::now() + 30s) << asked;
  }
}

TEST_F(ControlPlaneTest, RefusesCertificatesWithTheRightStatus) {
  start();
  const auto good = make_request({.uris = {kCart}});
  struct Case {
    const char* what;
    std::string token, csr, impersonated;
    grpc::StatusCode code;
    const char* text;
  };
  const Case cases[] = {
      {"no token", "", good, kCart, grpc::StatusCode::UNAUTHENTICATED, "no token"},
      {"wrong token", "x", good, kCart, grpc::StatusCode::UNAUTHENTICATED, "unknown token"},
      {"wrong node", "token-of-b", good, kCart, grpc::StatusCode::PERMISSION_DENIED, "node-b"},
      {"foreign domain", "all-powers", make_request({}), "spiffe://other/ns/shop/sa/cart",
       grpc::StatusCode::PERMISSION_DENIED, "outside of trust domain"},
      {"nobody", "all-powers", make_request({}), "spiffe://cluster.local/ns/shop/sa/ghost",
       grpc::StatusCode::PERMISSION_DENIED, "no workload"},
      {"forged", "all-powers", make_request({.uris = {kCart}, .foreign_signature = true}), kCart,
       grpc::StatusCode::INVALID_ARGUMENT, "does not verify"},
      {"junk", "all-powers", "junk", kCart, grpc::StatusCode::INVALID_ARGUMENT, "PKCS#10"},
  };
  for (const auto& c : cases) {
    auth::IstioCertificateResponse response;
    const auto status = create(c.token, c.csr, c.impersonated, &response);
    EXPECT_EQ(status.error_code(), c.code) << c.what << ": " << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(c.text)) << c.what;
    EXPECT_EQ(response.cert_chain_size(), 0) << c.what;
  }
}

// A request of 32 MiB from somebody unknown must not be collected first.
TEST_F(ControlPlaneTest, RefusesStrangersBeforeTheirRequestHasArrived) {
  start();
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 10s);
  context.AddMetadata("authorization", "Bearer wrong");
  grpc::CompletionQueue done;
  const auto call =
      stub.PrepareCall(&context, "/istio.v1.auth.IstioCertificateService/CreateCertificate", &done);
  grpc::Status status;
  call->StartCall(&context);
  void* step = nullptr;
  bool good = false;
  ASSERT_TRUE(done.Next(&step, &good));
  call->Finish(&status, &status);  // nothing was sent but the headers
  ASSERT_TRUE(done.Next(&step, &good));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
}

TEST_F(ControlPlaneTest, EndsAStreamThatAsksForTooMuch) {
  start();
  Stream stream(channel_, "token-of-a");
  Request request;
  request.mutable_node()->set_id("node");
  request.set_type_url(std::string(kAddressType));
  for (std::size_t i = 0; i <= DeltaSession::kMaxNames; ++i)
    request.add_resource_names_subscribe(std::to_string(i));
  stream.write(request);
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ControlPlaneTest, TakesNewTokensWithoutARestart) {
  start();
  temp_.rename(temp_.write_secret("fresh", "another\n"), "tokens");
  auth::IstioCertificateResponse response;
  const auto request = make_request({.uris = {kCart}});
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!create("another", request, kCart, &response).ok())
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  EXPECT_EQ(create("all-powers", request, kCart, &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ControlPlaneTest, TakesNoTokensThatOthersMayRead) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.answer(stream.read());
  temp_.rename(temp_.write_open("fresh", "leaked\n"), "tokens");
  // Looked at after the tokens: once it is there, they have been looked at.
  temp_.replace("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  EXPECT_THAT(names(stream.read()), ElementsAre("c1//Pod/shop/new"));
  auth::IstioCertificateResponse response;
  const auto request = make_request({.uris = {kCart}});
  EXPECT_EQ(create("leaked", request, kCart, &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(create("all-powers", request, kCart, &response).ok());
}

TEST_F(ControlPlaneTest, MakesATokenWhenNoneIsGiven) {
  options_.token_file.clear();
  start();
  EXPECT_EQ(plane_->token_file(), options_.state_dir / "token");
  auth::IstioCertificateResponse response;
  const auto token = *read_file(plane_->token_file());
  EXPECT_TRUE(create(token, make_request({.uris = {kCart}}), kCart, &response).ok());
}

TEST_F(ControlPlaneTest, ClientsWithAnotherRootDoNotConnect) {
  start();
  const auto other = *CertificateAuthority::make_root("cluster.local", WallClock::now());
  channel_ = channel(other.cert);
  auth::IstioCertificateResponse response;
  EXPECT_EQ(create("all-powers", make_request({.uris = {kCart}}), kCart, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ControlPlaneTest, StopEndsStreams) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.read();
  plane_->stop();
  plane_->stop();
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ControlPlaneTest, SaysWhyItDoesNotStart) {
  struct Case {
    const char* what;
    std::function<void(Options&)> spoil;
    Errc code;
    const char* text;
  };
  const Case cases[] = {
      {"no file", [](Options& o) { o.config = o.state_dir.parent_path() / "none.yaml"; },
       Errc::not_found, "none.yaml"},
      {"bad file", [this](Options& o) { o.config = temp_.write("bad.yaml", "workloads: 7\n"); },
       Errc::invalid, "bad.yaml:1"},
      {"no address", [](Options& o) { o.listen.clear(); }, Errc::invalid, "listen"},
      {"trust domain", [](Options& o) { o.trust_domain = "a/b"; }, Errc::invalid, "a/b"},
      {"ttl", [](Options& o) { o.max_ttl = 0s; }, Errc::invalid, "life"},
      {"name", [](Options& o) { o.dns_names = {"two words"}; }, Errc::invalid, "two words"},
      {"tokens", [this](Options& o) { o.token_file = temp_.write_secret("empty", ""); },
       Errc::invalid, "holds no token"},
      {"open tokens", [this](Options& o) { o.token_file = temp_.write_open("open", kTokens); },
       Errc::invalid, "open to others than its owner: chmod 600"},
      {"foreign address", [](Options& o) { o.listen = {{IpAddress::v4(198, 19, 255, 1), 0}}; },
       Errc::io, "198.19.255.1"},
  };
  for (const auto& c : cases) {
    auto options = options_;
    c.spoil(options);
    const auto started = ControlPlane::start(options);
    ASSERT_FALSE(started) << c.what;
    EXPECT_EQ(started.error().code, c.code) << c.what;
    EXPECT_THAT(started.error().detail, HasSubstr(c.text)) << c.what;
  }
}

TEST_F(ControlPlaneTest, RefusesATakenAddressAndStateDirectory) {
  start();
  auto second = options_;
  EXPECT_EQ(ControlPlane::start(second).error().code, Errc::limit);
  second.state_dir = temp_.path() / "other";
  second.listen = plane_->addresses();
  EXPECT_EQ(ControlPlane::start(second).error().code, Errc::io);
}

}  // namespace
}  // namespace culvert::authority
