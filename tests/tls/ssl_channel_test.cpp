// What OpenSSL's record layer must add to be a Channel: above all, that nothing is lost when good
// records and bad ones arrive together.
#include "tls/ssl_channel.hpp"

#include "support/test_ca.hpp"
#include "tls/endpoint.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

using testing::TestCa;

const Identity kClient = *Identity::parse("spiffe://cluster.local/ns/shop/sa/cart");
const Identity kServer = *Identity::parse("spiffe://cluster.local/ns/shop/sa/stock");

// Our server with OpenSSL's records, and a foreign client that speaks `version`.
class SslChannelTest : public ::testing::TestWithParam<int> {
 protected:
  SslChannelTest()
      : certificate_(ca_.issue(kClient)),
        context_(make_context()),
        server_(*Handshake::server(*context_)),
        client_(false, certificate_.get(),
                [](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, GetParam()); }) {
    pump(client_, server_);
    EXPECT_TRUE(server_.established) << server_.error;
    EXPECT_EQ(server_.channel().records(), "openssl");
  }

  // All of `ciphertext` through open(), as a tunnel does it: on while bytes are left.
  void read(std::vector<std::uint8_t> ciphertext) {
    std::vector<std::uint8_t> room(Channel::kMinPlaintextRoom * 2);
    std::size_t used = 0;
    while (used < ciphertext.size()) {
      const auto opened = server_.channel().open(MutableBytes(ciphertext).subspan(used), room);
      if (!opened) {
        error_ = opened.error().detail;
        return;
      }
      received_.append(as_text(Bytes(room).first(opened->produced)));
      if (opened->consumed == 0) return;
      used += opened->consumed;
    }
  }

  std::vector<std::uint8_t> sent_by_client(std::string_view text) {
    client_.send(text);
    return client_.take();
  }

  std::unique_ptr<ServerContext> make_context() {
    TlsOptions options;
    options.openssl_records = true;
    options.tls12 = true;
    return *ServerContext::create(ca_.issue(kServer), options);
  }

  TestCa ca_;
  std::shared_ptr<const Certificate> certificate_;
  std::unique_ptr<ServerContext> context_;
  OwnEndpoint server_;
  OpensslEndpoint client_;
  std::string received_;
  std::string error_;
};

INSTANTIATE_TEST_SUITE_P(Versions, SslChannelTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), [](const auto& one) {
                           return one.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

TEST_P(SslChannelTest, DeliversWhatCameBeforeAFault) {
  auto wire = sent_by_client("good");
  auto bad = sent_by_client("bad");
  bad.back() ^= 1;
  wire.insert(wire.end(), bad.begin(), bad.end());
  read(wire);
  EXPECT_EQ(received_, "good");
  EXPECT_NE(error_, "");
  EXPECT_TRUE(server_.channel().has_control()) << "the alert that says so";
}

TEST_P(SslChannelTest, DeliversWhatCameBeforeAFatalAlert) {
  auto wire = sent_by_client("good");
  server_.send("to be spoilt");
  auto spoilt = server_.take();
  spoilt.back() ^= 1;
  client_.feed(spoilt);
  const auto alert = client_.take();
  ASSERT_FALSE(alert.empty());
  wire.insert(wire.end(), alert.begin(), alert.end());
  read(wire);
  EXPECT_EQ(received_, "good");
  EXPECT_EQ(error_, "peer sent alert bad_record_mac (20)");
}

// OpenSSL answers each request for a renegotiation (TLS 1.2) with an alert: what waits to be sent
// would grow as long as the peer asks.
TEST(SslChannelFlood, APeerThatAsksForRenegotiationForEverIsAtFault) {
  TestCa ca;
  TlsOptions options;
  options.tls12 = true;
  const auto context = *ClientContext::create(ca.issue(kClient), options);
  OwnEndpoint client(*Handshake::client(*context, {kServer}));
  const auto certificate = ca.issue(kServer);
  OpensslEndpoint server(true, certificate.get(), [](SSL_CTX* c) {
    SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  });
  pump(client, server);
  ASSERT_TRUE(client.established) << client.error;
  for (int i = 0; i < 2000; ++i) {
    SSL_renegotiate(server.ssl());
    SSL_do_handshake(server.ssl());
  }
  server.drain();
  auto wire = server.take();
  ASSERT_GT(wire.size(), 2000U * 25);
  std::vector<std::uint8_t> room(Channel::kMinPlaintextRoom * 2);
  const auto opened = client.channel().open(wire, room);
  ASSERT_TRUE(opened.has_error());
  EXPECT_EQ(opened.error().detail, "the peer makes us answer without end");
  EXPECT_TRUE(client.channel().open({}, room).has_error()) << "final";
}

}  // namespace
}  // namespace culvert::tls
