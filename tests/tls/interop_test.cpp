// Records in both directions between our two record layers and a plain OpenSSL object, in all
// pairings, suites and back ends; and what only a foreign peer does: tickets, key updates.
#include "support/test_ca.hpp"
#include "tls/endpoint.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace culvert::tls {
namespace {

using testing::TestCa;

const Identity kClient = *Identity::parse("spiffe://cluster.local/ns/shop/sa/cart");
const Identity kServer = *Identity::parse("spiffe://cluster.local/ns/shop/sa/stock");

enum class Kind { own, own_openssl, foreign };
const char* name(Kind kind) {
  return kind == Kind::own ? "Own" : kind == Kind::own_openssl ? "Fallback" : "Foreign";
}

struct Pair {
  std::unique_ptr<Endpoint> client;
  std::unique_ptr<Endpoint> server;
};

Pair connect(TestCa& ca, Kind client_kind, Kind server_kind, bool aes128, std::size_t chunk) {
  const auto client_certificate = ca.issue(kClient);
  const auto server_certificate = ca.issue(kServer);
  const auto set_up = [aes128](SSL_CTX* c) {
    if (aes128) SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  };
  Pair pair;
  if (server_kind == Kind::foreign) {
    pair.server = std::make_unique<OpensslEndpoint>(true, server_certificate.get(), set_up);
  } else {
    TlsOptions options;
    options.openssl_records = server_kind == Kind::own_openssl;
    const auto context = *ServerContext::create(server_certificate, options);
    if (aes128) SSL_CTX_set_ciphersuites(context->native(), "TLS_AES_128_GCM_SHA256");
    pair.server = std::make_unique<OwnEndpoint>(*Handshake::server(*context));
  }
  if (client_kind == Kind::foreign) {
    pair.client = std::make_unique<OpensslEndpoint>(false, client_certificate.get(), set_up);
  } else {
    TlsOptions options;
    options.openssl_records = client_kind == Kind::own_openssl;
    const auto context = *ClientContext::create(client_certificate, options);
    pair.client = std::make_unique<OwnEndpoint>(*Handshake::client(*context, {kServer}));
  }
  pump(*pair.client, *pair.server, chunk);
  EXPECT_TRUE(pair.client->established) << pair.client->error;
  EXPECT_TRUE(pair.server->established) << pair.server->error;
  return pair;
}

std::string pattern(std::size_t n) {
  std::string text(n, ' ');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

using Params = std::tuple<Kind, Kind, bool, std::size_t>;
class InteropTest : public ::testing::TestWithParam<Params> {};

TEST_P(InteropTest, CarriesDataBothWaysAndCloses) {
  const auto [client_kind, server_kind, aes128, chunk] = GetParam();
  TestCa ca;
  Pair pair = connect(ca, client_kind, server_kind, aes128, chunk);
  std::string up;
  std::string down;
  for (const std::size_t n : {1u, 100u, 16384u, 16385u, 70000u}) {
    pair.client->send(pattern(n));
    up += pattern(n);
    pair.server->send(pattern(n + 1));
    down += pattern(n + 1);
    pump(*pair.client, *pair.server, chunk);
    ASSERT_EQ(pair.server->error, "");
    ASSERT_EQ(pair.client->error, "");
    ASSERT_TRUE(pair.server->received == up) << n;
    ASSERT_TRUE(pair.client->received == down) << n;
  }
  pair.client->close();
  pump(*pair.client, *pair.server, chunk);
  EXPECT_TRUE(pair.server->closed);
  pair.server->send("half closed");
  pair.server->close();
  pump(*pair.client, *pair.server, chunk);
  EXPECT_EQ(pair.client->received, down + "half closed");
  EXPECT_TRUE(pair.client->closed);
}

INSTANTIATE_TEST_SUITE_P(
    Interop, InteropTest,
    ::testing::Combine(::testing::Values(Kind::own, Kind::own_openssl, Kind::foreign),
                       ::testing::Values(Kind::own, Kind::own_openssl, Kind::foreign),
                       ::testing::Bool(), ::testing::Values(std::size_t{13}, std::size_t{1} << 20)),
    [](const auto& test) {
      const auto& p = test.param;
      return std::string(name(std::get<0>(p))) + "To" + name(std::get<1>(p)) +
             (std::get<2>(p) ? "Aes128" : "Aes256") + (std::get<3>(p) == 13 ? "Pieces" : "Whole");
    });

class KeyUpdateTest : public ::testing::TestWithParam<int> {};

TEST_P(KeyUpdateTest, OfAForeignPeerIsFollowed) {
  TestCa ca;
  for (const bool foreign_server : {false, true}) {
    Pair pair = connect(ca, foreign_server ? Kind::own : Kind::foreign,
                        foreign_server ? Kind::foreign : Kind::own, false, 100);
    auto& foreign = static_cast<OpensslEndpoint&>(foreign_server ? *pair.server : *pair.client);
    auto& own = foreign_server ? *pair.client : *pair.server;
    std::string sent;
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(SSL_key_update(foreign.ssl(), GetParam()), 1);
      foreign.send("from foreign ");
      own.send("from own ");
      pump(*pair.client, *pair.server, 7);
      own.send("and again ");
      pump(*pair.client, *pair.server, 7);
    }
    EXPECT_EQ(own.error + foreign.error, "");
    EXPECT_EQ(own.received.size(), 5 * std::string("from foreign ").size());
    EXPECT_EQ(foreign.received.size(), 5 * std::string("from own and again ").size());
  }
}

INSTANTIATE_TEST_SUITE_P(Interop, KeyUpdateTest,
                         ::testing::Values(SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED));

TEST(Interop, TicketsOfAForeignServerAreCountedAndSkipped) {
  TestCa ca;
  const auto server_certificate = ca.issue(kServer);
  OpensslEndpoint server(true, server_certificate.get(),
                         [](SSL_CTX* c) { SSL_CTX_set_num_tickets(c, 7); });
  const auto context = *ClientContext::create(ca.issue(kClient), {});
  OwnEndpoint client(*Handshake::client(*context, {kServer}));
  pump(client, server);
  ASSERT_TRUE(client.established) << client.error;
  server.send("behind the tickets");
  pump(client, server, 1);
  EXPECT_EQ(client.received, "behind the tickets");
}

TEST(Interop, PaddedRecordsOfAForeignPeerAreRead) {
  TestCa ca;
  Pair pair = connect(ca, Kind::foreign, Kind::own, false, 1 << 20);
  SSL_set_block_padding(static_cast<OpensslEndpoint&>(*pair.client).ssl(), 4096);
  pair.client->send(pattern(40000));
  pair.client->send("x");
  pump(*pair.client, *pair.server);
  EXPECT_TRUE(pair.server->received == pattern(40000) + "x") << pair.server->error;
}

TEST(Interop, OurAlertsAreUnderstood) {
  TestCa ca;
  Pair pair = connect(ca, Kind::foreign, Kind::own, false, 1 << 20);
  auto& own = static_cast<OwnEndpoint&>(*pair.server);
  std::vector<std::uint8_t> out(Channel::kMaxControl);
  out.resize(own.channel().alert(Alert::certificate_revoked, out));
  pair.client->feed(out);
  EXPECT_NE(pair.client->error.find("certificate revoked"), std::string::npos);
}

}  // namespace
}  // namespace culvert::tls
