// Who is let in and who is not, with the message and the alert that say why.
#include "culvert/tls/handshake.hpp"

#include "support/test_ca.hpp"
#include "tls/endpoint.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

using testing::LeafOptions;
using testing::TestCa;

Identity id(const std::string& uri) { return *Identity::parse(uri); }
const Identity kClient = id("spiffe://cluster.local/ns/shop/sa/cart");
const Identity kServer = id("spiffe://cluster.local/ns/shop/sa/stock");
const Identity kOther = id("spiffe://cluster.local/ns/shop/sa/other");

using CertificatePtr = std::shared_ptr<const Certificate>;

std::unique_ptr<OwnEndpoint> own_server(const CertificatePtr& certificate,
                                        const TlsOptions& options = {}) {
  const auto context = *ServerContext::create(certificate, options);
  return std::make_unique<OwnEndpoint>(*Handshake::server(*context));
}

std::unique_ptr<OwnEndpoint> own_client(const CertificatePtr& certificate,
                                        std::vector<Identity> expected,
                                        const TlsOptions& options = {}) {
  const auto context = *ClientContext::create(certificate, options);
  return std::make_unique<OwnEndpoint>(*Handshake::client(*context, std::move(expected)));
}

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

// One certificate is wrong; the side that sees it refuses, the other one gets the alert.
struct Refusal {
  const char* name;
  bool bad_client;     // otherwise the server is bad
  Identity identity;   // of the bad side
  LeafOptions leaf;    // of the bad side
  bool foreign_ca;     // of the bad side
  const char* reason;  // in the error of the side that refuses
  const char* alert;   // in the error of the bad side
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

// OpenSSL 3.5 has another word for it.
constexpr const char* kHugeClientAlert =
    OPENSSL_VERSION_NUMBER < 0x30500000L ? "illegal_parameter (47)" : "bad_certificate (42)";

TEST_P(RefusalTest, NamesReasonAndAlert) {
  const Refusal& p = GetParam();
  TestCa ca;
  TestCa foreign(0, "foreign root");
  foreign.add_trust(ca.root_pem());  // the bad side itself accepts the good one
  const auto bad = (p.foreign_ca ? foreign : ca).issue(p.identity, p.leaf);
  const auto good = ca.issue(p.bad_client ? kServer : kClient);
  const auto server = own_server(p.bad_client ? good : bad);
  const auto client = own_client(p.bad_client ? bad : good, {kServer});
  pump(*client, *server);
  const auto& refused_by = p.bad_client ? static_cast<Endpoint&>(*server) : *client;
  const auto& refused = p.bad_client ? static_cast<Endpoint&>(*client) : *server;
  EXPECT_NE(refused_by.error.find(p.reason), std::string::npos) << refused_by.error;
  EXPECT_LT(refused_by.error.size(), 1024u) << "whatever the peer put into its certificate";
  EXPECT_EQ(refused.error, std::string("peer sent alert ") + p.alert);
  EXPECT_FALSE(refused_by.established);
}

LeafOptions dates(int from, int to) {
  LeafOptions options;
  options.not_before = std::chrono::seconds(from);
  options.not_after = std::chrono::seconds(to);
  return options;
}
LeafOptions usage(const char* text) {
  LeafOptions options;
  options.usage = text;
  return options;
}

LeafOptions uri_of(std::size_t size) {
  LeafOptions options;
  options.uris = {"spiffe://" + std::string(size, 'x') + "/ns/shop/sa/cart"};
  return options;
}

const Identity kForeignClient = id("spiffe://elsewhere/ns/shop/sa/cart");

INSTANTIATE_TEST_SUITE_P(
    Handshake, RefusalTest,
    ::testing::Values(Refusal{"ExpiredClient", true, kClient, dates(-7200, -60), false,
                              "has expired", "certificate_expired (45)"},
                      Refusal{"ExpiredServer", false, kServer, dates(-7200, -60), false,
                              "has expired", "certificate_expired (45)"},
                      Refusal{"FutureClient", true, kClient, dates(3600, 7200), false,
                              "not yet valid", "bad_certificate (42)"},
                      Refusal{"ForeignClientCa",
                              true,
                              kClient,
                              {},
                              true,
                              "unable to get local issuer",
                              "unknown_ca (48)"},
                      Refusal{"ForeignServerCa",
                              false,
                              kServer,
                              {},
                              true,
                              "unable to get local issuer",
                              "unknown_ca (48)"},
                      Refusal{"LongNameOfAForeignClient", true, kClient, uri_of(20000), true,
                              "unable to get local issuer", "unknown_ca (48)"},
                      Refusal{"LongNameOfAForeignServer", false, kServer, uri_of(20000), true,
                              "unable to get local issuer", "unknown_ca (48)"},
                      Refusal{"LongNameOfAKnownClient", true, kClient, uri_of(20000), false,
                              "not of trust domain", "handshake_failure (40)"},
                      Refusal{"LongNameOfAKnownServer", false, kServer, uri_of(20000), false,
                              "not among those expected", "handshake_failure (40)"},
                      Refusal{"HugeClientCertificate", true, kClient, uri_of(90000), true,
                              "excessive message size", kHugeClientAlert},
                      Refusal{"HugeServerCertificate", false, kServer, uri_of(90000), true,
                              "excessive message size", "illegal_parameter (47)"},
                      Refusal{"ServerUsageOfClient", true, kClient, usage("serverAuth"), false,
                              "certificate purpose", "unsupported_certificate (43)"},
                      Refusal{"ClientUsageOfServer", false, kServer, usage("clientAuth"), false,
                              "certificate purpose", "unsupported_certificate (43)"},
                      Refusal{"TrustDomainOfClient",
                              true,
                              kForeignClient,
                              {},
                              false,
                              "not of trust domain cluster.local",
                              "handshake_failure (40)"},
                      Refusal{"IdentityOfServer",
                              false,
                              kOther,
                              {},
                              false,
                              "not among those expected",
                              "handshake_failure (40)"}),
    [](const auto& test) { return test.param.name; });

// Foreign clients against our server.
struct ForeignClient {
  const char* name;
  bool certificate;
  std::function<void(SSL_CTX*)> set_up;
  const char* server_error;  // empty: accepted
  const char* client_error;
};

class ForeignClientTest : public ::testing::TestWithParam<ForeignClient> {};

TEST_P(ForeignClientTest, IsTreatedAsDocumented) {
  const auto& p = GetParam();
  TestCa ca;
  const auto certificate = ca.issue(kClient);
  const auto server = own_server(ca.issue(kServer));
  OpensslEndpoint client(false, p.certificate ? certificate.get() : nullptr, p.set_up);
  pump(client, *server);
  if (std::string_view(p.server_error).empty()) {
    EXPECT_TRUE(server->established) << server->error;
    EXPECT_FALSE(server->handshake().peer().alpn_h2);
    return;
  }
  EXPECT_NE(server->error.find(p.server_error), std::string::npos) << server->error;
  EXPECT_NE(client.error.find(p.client_error), std::string::npos) << client.error;
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, ForeignClientTest,
    ::testing::Values(
        ForeignClient{"NoAlpn", true, {}, "", ""},
        ForeignClient{"NoCertificate",
                      false,
                      {},
                      "peer did not return a certificate",
                      "certificate required"},
        ForeignClient{"Http11", true,
                      [](SSL_CTX* c) {
                        SSL_CTX_set_alpn_protos(
                            c, reinterpret_cast<const unsigned char*>("\x08http/1.1"), 9);
                      },
                      "no application protocol", "no application protocol"},
        ForeignClient{"Tls12", true,
                      [](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); },
                      "unsupported protocol", "protocol version"},
        ForeignClient{
            "ChaCha", true,
            [](SSL_CTX* c) { SSL_CTX_set_ciphersuites(c, "TLS_CHACHA20_POLY1305_SHA256"); },
            "no shared cipher", "handshake failure"},
        ForeignClient{"OtherGroup", true, [](SSL_CTX* c) { SSL_CTX_set1_groups_list(c, "P-521"); },
                      "no suitable", "handshake failure"}),
    [](const auto& test) { return test.param.name; });

TEST(Handshake, AnswersJunkWithAnErrorAndNeverHangs) {
  TestCa ca;
  using namespace std::string_literals;
  for (const std::string& junk :
       {"GET / HTTP/1.1\r\n\r\n"s, "SSH-2.0-x\r\n"s, "\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff"s}) {
    const auto server = own_server(ca.issue(kServer));
    server->feed(as_bytes(junk));
    EXPECT_NE(server->error, "") << junk;
    EXPECT_FALSE(server->established);
  }
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
