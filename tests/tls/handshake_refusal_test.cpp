// Who is not let in, with the message and the alert that say why.
#include "culvert/tls/handshake.hpp"

#include "support/test_ca.hpp"
#include "tls/handshake_peers.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

using testing::LeafOptions;
using testing::TestCa;

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

}  // namespace
}  // namespace culvert::tls
