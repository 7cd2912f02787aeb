// Certificates from the control plane, over TLS on the loopback interface: who gets which, and with
// which token.
#include "authority/ca.hpp"
#include "authority/client_stream.hpp"
#include "authority/control_plane_fixture.hpp"
#include "authority/request_builder.hpp"
#include "authority/snapshot.hpp"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include <limits>

namespace culvert::authority::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

// Whoever lost the token must not go on hearing of the mesh; the others hear nothing of it.
TEST_F(ControlPlaneTest, AStreamEndsWithItsToken) {
  temp_.write_secret("tokens", "all-powers\nstays\n");
  start();
  Stream revoked(channel_, "all-powers");
  revoked.subscribe(kAddressType);
  revoked.answer(revoked.read());
  Stream kept(channel_, "stays");
  kept.subscribe(kAddressType);
  kept.answer(kept.read());
  temp_.rename(temp_.write_secret("fresh", "stays\n"), "tokens");
  EXPECT_THAT(names(revoked.read()), IsEmpty());  // its end
  temp_.replace("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  EXPECT_THAT(names(kept.read()), ElementsAre("c1//Pod/shop/new"));
  EXPECT_EQ(revoked.end().error_code(), grpc::StatusCode::UNAUTHENTICATED);
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

}  // namespace
}  // namespace culvert::authority::test
