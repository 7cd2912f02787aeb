// The CA client against a gRPC server on loopback.
#include "control/server/loopback_server.hpp"
#include "control/server/tls_server.hpp"
#include "culvert/control/ca.hpp"

#include "proto/ca.grpc.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace auth = istio::v1::auth;
using Chain = Result<std::vector<std::string>>;

const Identity kCart{Name("cluster.local"), Name("shop"), Name("cart")};

// Answers with `chain` or `status`, remembers what it was asked.
class FakeCa : public auth::IstioCertificateService::CallbackService {
 public:
  grpc::ServerUnaryReactor* CreateCertificate(grpc::CallbackServerContext* context,
                                              const auth::IstioCertificateRequest* request,
                                              auth::IstioCertificateResponse* response) override {
    const std::lock_guard lock(mutex);
    asked = *request;
    peers.push_back(context->peer());
    headers.clear();
    for (const auto& [key, value] : context->client_metadata())
      headers[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    for (const auto& pem : chain) response->add_cert_chain(pem);
    if (silent) return new Silent;
    auto* reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }
  // Says nothing until the client gives up.
  struct Silent : grpc::ServerUnaryReactor {
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };

  std::mutex mutex;
  auth::IstioCertificateRequest asked;
  std::map<std::string, std::string> headers;
  std::vector<std::string> peers;  // of every call: address and port
  std::vector<std::string> chain{"leaf", "root"};
  grpc::Status status;
  bool silent = false;
};

class CaClientTest : public ::testing::Test {
 protected:
  CaOptions options(const std::string& address) const {
    CaOptions out;
    out.server.address = address;
    out.server.token = TokenSource::file(token_.path());
    out.server.cluster_id = "Kubernetes";
    return out;
  }
  void make(const CaOptions& options) {
    auto made = CaClient::make(io_, options);
    ASSERT_TRUE(made.has_value()) << made.error().detail;
    client_ = std::move(*made);
  }
  Chain ask() {
    std::optional<Chain> answer;
    client_->sign(kCart, "CSR", [&](Chain result) { answer = std::move(result); });
    EXPECT_FALSE(answer.has_value()) << "from within sign()";
    testing::run_until(io_, [&] { return answer.has_value(); });
    return answer ? *answer : Chain(fail(Errc::timed_out));
  }

  boost::asio::io_context io_;
  testing::TemporaryFile token_{"token-1\n"};
  FakeCa ca_;
  std::unique_ptr<CaClient> client_;
};

TEST_F(CaClientTest, AsksAsTheProtocolSays) {
  testing::LoopbackServer server(ca_);
  auto chosen = options(server.address());
  chosen.server.headers = {{"X-Tenant", "blue"}};
  chosen.ttl = 90min;
  make(chosen);
  EXPECT_EQ(ask().value(), (std::vector<std::string>{"leaf", "root"}));
  EXPECT_EQ(ca_.asked.csr(), "CSR");
  EXPECT_EQ(ca_.asked.validity_duration(), 5400);
  EXPECT_EQ(ca_.asked.metadata().fields().at("ImpersonatedIdentity").string_value(), kCart.uri());
  EXPECT_EQ(ca_.headers["authorization"], "Bearer token-1");
  EXPECT_EQ(ca_.headers["clusterid"], "Kubernetes");
  EXPECT_EQ(ca_.headers["x-tenant"], "blue");
  token_.write("token-2");
  ask();
  EXPECT_EQ(ca_.headers["authorization"], "Bearer token-2");
}

TEST_F(CaClientTest, NoImpersonationWhenDedicated) {
  testing::LoopbackServer server(ca_);
  auto chosen = options(server.address());
  chosen.impersonate = false;
  chosen.server.token = {};
  make(chosen);
  EXPECT_TRUE(ask().has_value());
  EXPECT_FALSE(ca_.asked.has_metadata());
  EXPECT_FALSE(ca_.headers.contains("authorization"));
}

TEST_F(CaClientTest, FailuresSayWhatHappened) {
  testing::LoopbackServer server(ca_);
  make(options(server.address()));
  ca_.status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "not on this node");
  const auto refused = ask();
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("UNAUTHENTICATED: not on this node"));
  ca_.status = {};
  ca_.chain = {"leaf"};
  EXPECT_THAT(ask().error().detail, HasSubstr("without trust root"));
  ca_.chain.clear();
  EXPECT_THAT(ask().error().detail, HasSubstr("empty answer"));
  token_.write("");
  EXPECT_THAT(ask().error().detail, HasSubstr("is empty"));
}

TEST_F(CaClientTest, ASilentCaIsNotWaitedForForEver) {
  testing::LoopbackServer server(ca_);
  ca_.silent = true;
  auto chosen = options(server.address());
  chosen.deadline = 100ms;
  make(chosen);
  EXPECT_EQ(ask().error().code, Errc::timed_out);
}

TEST_F(CaClientTest, ASilentConnectionIsNotUsedAgain) {
  testing::LoopbackServer server(ca_);
  ca_.silent = true;
  auto chosen = options(server.address());
  chosen.deadline = 300ms;
  make(chosen);
  EXPECT_EQ(ask().error().code, Errc::timed_out);
  ca_.silent = false;
  EXPECT_TRUE(ask().has_value());
  EXPECT_TRUE(ask().has_value());
  ASSERT_EQ(ca_.peers.size(), 3U);
  EXPECT_NE(ca_.peers[0], ca_.peers[1]) << "another replica may answer";
  EXPECT_EQ(ca_.peers[1], ca_.peers[2]);
}

TEST_F(CaClientTest, DestructionCancelsWhatIsUnderWay) {
  testing::LoopbackServer server(ca_);
  ca_.silent = true;
  make(options(server.address()));
  client_->sign(kCart, "CSR", [](const Chain&) { ADD_FAILURE() << "called"; });
  client_.reset();
  io_.restart();
  io_.poll();
}

TEST_F(CaClientTest, ReachesAServerThatComesBack) {
  int port = 0;
  {
    testing::LoopbackServer server(ca_);
    port = server.port();
    make(options(server.address()));
    EXPECT_TRUE(ask().has_value());
  }
  EXPECT_EQ(ask().error().code, Errc::unavailable);
  testing::LoopbackServer again(ca_, nullptr, port);
  EXPECT_TRUE(ask().has_value());
}

TEST_F(CaClientTest, TlsRootIsReadAgainAndNamesAreChecked) {
  const auto right = testing::make_server_certificate("DNS:ca.example,IP:198.18.0.9");
  const auto wrong = testing::make_server_certificate("DNS:ca.example");
  const testing::TemporaryFile root(wrong.certificate);
  testing::LoopbackServer server(ca_, &right);
  auto chosen = options("https://127.0.0.1:" + std::to_string(server.port()));
  chosen.server.root = root.path();
  make(chosen);
  EXPECT_EQ(ask().error().code, Errc::unavailable) << "signed by somebody else";
  root.write(right.certificate);
  EXPECT_EQ(ask().error().code, Errc::unavailable) << "not for 127.0.0.1";
  chosen.server.alt_hostname = "ca.example";
  root.write(wrong.certificate);
  make(chosen);
  EXPECT_TRUE(ask().has_error());
  root.write(right.certificate);
  EXPECT_TRUE(ask().has_value()) << "the alternative name, and the new root";
  root.write("");
  EXPECT_TRUE(ask().has_value()) << "an unreadable root keeps the channel";
}

// That a CA with such a server answers is shown by TlsRootIsReadAgainAndNamesAreChecked.
TEST_F(CaClientTest, SpeaksTls13WithAesOnly) {
  using Limits = testing::TlsServer::Limits;
  const auto certificate = testing::make_server_certificate("IP:127.0.0.1");
  const testing::TemporaryFile root(certificate.certificate);
  // What a server that can do no more than this sees of us.
  const auto seen = [&](const Limits& limits) {
    testing::TlsServer server(certificate, limits);
    auto chosen = options(server.address());
    chosen.server.root = root.path();
    make(chosen);
    EXPECT_TRUE(ask().has_error()) << "no CA behind it";
    testing::run_until(io_, [&] { return !server.handshakes().empty(); });
    return server.handshakes().front();
  };
  EXPECT_EQ(seen({TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"}), "TLSv1.3 TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(seen({TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"}), "TLSv1.3 TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(seen({TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"}), "refused");
  EXPECT_EQ(seen({TLS1_2_VERSION, "TLS_AES_256_GCM_SHA384"}), "refused");
}

TEST_F(CaClientTest, RefusesSettingsThatCannotWork) {
  auto chosen = options("http://127.0.0.1:1");
  chosen.server.headers = {{"bad header", "x"}};
  EXPECT_EQ(CaClient::make(io_, chosen).error().code, Errc::invalid);
  EXPECT_EQ(CaClient::make(io_, options("http://")).error().code, Errc::invalid);
}

}  // namespace
}  // namespace culvert::control
