// Handshakes that succeed: what both sides then know of each other, and what they have agreed on.
#include "culvert/tls/handshake.hpp"

#include "support/test_ca.hpp"
#include "tls/handshake_peers.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

using testing::LeafOptions;
using testing::TestCa;

TEST(Handshake, GivesBothSidesTheOthersIdentity) {
  TestCa ca(2);
  const auto server = own_server(ca.issue(kServer));
  const auto client = own_client(ca.issue(kClient), {kOther, kServer});
  pump(*client, *server, 1);  // a byte at a time
  ASSERT_TRUE(client->established) << client->error;
  ASSERT_TRUE(server->established) << server->error;
  EXPECT_EQ(server->handshake().peer().identity, kClient);
  EXPECT_EQ(client->handshake().peer().identity, kServer);
  EXPECT_TRUE(server->handshake().peer().alpn_h2);
  EXPECT_TRUE(client->handshake().peer().alpn_h2);
  EXPECT_EQ(client->handshake().peer().version, "TLSv1.3");
  EXPECT_EQ(client->handshake().peer().cipher, "TLS_AES_256_GCM_SHA384");
  ASSERT_EQ(client->handshake().peer().chain.size(), 4u);  // leaf, two intermediates, root
  EXPECT_FALSE(client->handshake().peer().chain.front().serial.empty());
  EXPECT_NE(client->handshake().peer().chain[0].issuer, client->handshake().peer().chain[3].issuer);
  EXPECT_EQ(client->channel().records(), "own");
}

TEST(Handshake, LeavesTheBytesBehindIt) {
  TestCa ca;
  const auto server_context = *ServerContext::create(ca.issue(kServer), {});
  const auto server = *Handshake::server(*server_context);
  const auto client = own_client(ca.issue(kClient), {kServer});
  std::vector<std::uint8_t> out;
  std::size_t consumed = 0;
  const auto hello = client->take();
  ASSERT_EQ(*server->step(hello, consumed, out), Handshake::Status::want_input);
  EXPECT_EQ(consumed, hello.size());
  client->feed(out);
  ASSERT_TRUE(client->established);
  client->send("early bird");
  const auto flight = client->take();  // Finished and application data at once
  out.clear();
  ASSERT_EQ(*server->step(flight, consumed, out), Handshake::Status::done);
  ASSERT_LT(consumed, flight.size());
  const auto channel = *server->finish();
  std::vector<std::uint8_t> rest(flight.begin() + static_cast<std::ptrdiff_t>(consumed),
                                 flight.end());
  std::vector<std::uint8_t> room(Channel::kMinPlaintextRoom);
  const auto opened = channel->open(rest, room);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(as_text(Bytes(room).first(opened->produced)), "early bird");
  EXPECT_TRUE(server->finish().has_error());  // once
}

// Both roots have the same name, as those of one authority before and after rotation do.
TEST(Handshake, TrustsEveryRootOfTheBundle) {
  TestCa old_ca;
  TestCa new_ca;
  old_ca.add_trust("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
  old_ca.add_trust(new_ca.root_pem());
  new_ca.add_trust(old_ca.root_pem());
  const auto server = own_server(old_ca.issue(kServer));
  const auto client = own_client(new_ca.issue(kClient), {kServer});
  pump(*client, *server);
  EXPECT_TRUE(client->established && server->established) << client->error << server->error;
}

TEST(Handshake, FindsTheExpectedIdentityAmongSeveral) {
  TestCa ca;
  LeafOptions several;
  several.uris = {"spiffe://cluster.local/ns/a/sa/b", "https://example.org/", kServer.uri()};
  const auto server = own_server(ca.issue(kServer, several));
  const auto client = own_client(ca.issue(kClient), {kServer});
  pump(*client, *server);
  EXPECT_TRUE(client->established) << client->error;
  EXPECT_EQ(client->handshake().peer().identity, id("spiffe://cluster.local/ns/a/sa/b"));
}

TEST(Handshake, SendsH2AndNoServerName) {
  TestCa ca;
  std::string seen;
  std::string name = "none";
  const auto client = own_client(ca.issue(kClient), {kServer});
  const auto certificate = ca.issue(kServer);
  OpensslEndpoint server(true, certificate.get(), [](SSL_CTX* c) {
    SSL_CTX_set_client_hello_cb(
        c,
        [](SSL* ssl, int*, void*) {
          const unsigned char* data = nullptr;
          std::size_t size = 0;
          EXPECT_EQ(SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size), 0);
          EXPECT_EQ(SSL_client_hello_get0_ext(
                        ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size),
                    1);
          EXPECT_EQ(std::string(reinterpret_cast<const char*>(data), size),
                    std::string("\0\3\2h2", 5));
          return SSL_CLIENT_HELLO_SUCCESS;
        },
        nullptr);
  });
  pump(*client, server);
  EXPECT_TRUE(client->established) << client->error;
}

TEST(Handshake, Tls12WhenAllowed) {
  TestCa ca;
  TlsOptions options;
  options.tls12 = true;
  const auto server = own_server(ca.issue(kServer), options);
  const auto certificate = ca.issue(kClient);
  OpensslEndpoint client(false, certificate.get(),
                         [](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); });
  pump(client, *server, 5);
  ASSERT_TRUE(server->established) << server->error;
  EXPECT_EQ(server->handshake().peer().version, "TLSv1.2");
  EXPECT_EQ(server->handshake().peer().identity, kClient);
  EXPECT_EQ(server->channel().records(), "openssl");
  client.send("hello");
  server->send("there");
  pump(client, *server, 3);
  EXPECT_EQ(server->received, "hello");
  EXPECT_EQ(client.received, "there");
}

TEST(Context, SaysWhenTheLibraryLacksPostQuantumKeyExchange) {
  TestCa ca;
  TlsOptions options;
  options.pqc_only = true;
  const auto supported = check_supported(options);
  const auto context = ServerContext::create(ca.issue(kServer), options);
  EXPECT_EQ(supported.has_value(), context.has_value());
  if (!supported) {
    EXPECT_EQ(context.error().code, Errc::unsupported);
    EXPECT_NE(context.error().detail.find("X25519MLKEM768"), std::string::npos);
    return;
  }
  const auto server = own_server(ca.issue(kServer), options);
  const auto client = own_client(ca.issue(kClient), {kServer}, options);
  pump(*client, *server);
  EXPECT_TRUE(client->established && server->established);
}

}  // namespace
}  // namespace culvert::tls
