// Tokens, addresses, trust roots, names in certificates: everything before a connection.
#include "culvert/control/server.hpp"
#include "control/server/endpoint.hpp"
#include "control/server/header.hpp"
#include "control/server/trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace culvert::control {
namespace {

using ::testing::HasSubstr;

class ServerSettingsTest : public ::testing::Test {
 protected:
  ServerSettingsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ServerSettingsTest() override { std::filesystem::remove_all(directory_); }
  std::string file(const std::string& text) const {
    const auto path = directory_ + "/file";
    std::ofstream(path) << text;
    return path;
  }
  std::string directory_;
};

TEST_F(ServerSettingsTest, TokenFileIsReadAnewAndTrimmed) {
  const auto path = file("one\n");
  const auto source = TokenSource::from_setting(&path);
  EXPECT_EQ(source.read().value(), "one");
  file(" two \r\n");
  EXPECT_EQ(source.read().value(), "two");
  file(" \n");
  EXPECT_THAT(source.read().error().detail, HasSubstr("is empty"));
  file("a\nb");
  EXPECT_EQ(source.read().error().code, Errc::invalid);
  std::filesystem::remove(path);
  EXPECT_EQ(source.read().error().code, Errc::io);
}

TEST_F(ServerSettingsTest, TokenMayBeTheSettingItselfOrAbsent) {
  const std::string literal = "eyJhbGciOi.x.y";
  EXPECT_EQ(TokenSource::from_setting(&literal).read().value(), literal);
  EXPECT_EQ(TokenSource().read().value(), "");
  EXPECT_EQ(TokenSource::from_setting(nullptr).read().value(), "") << "no default file here";
}

TEST_F(ServerSettingsTest, ErrorsNeverQuoteTheToken) {
  EXPECT_THAT(TokenSource::literal("sec\nret").read().error().detail,
              ::testing::Not(HasSubstr("ret")));
}

TEST_F(ServerSettingsTest, TrustRoots) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(read_roots(pem).value(), pem);
  EXPECT_EQ(read_roots(file(pem)).value(), pem);
  EXPECT_EQ(read_roots(file("nothing")).error().code, Errc::invalid);
  EXPECT_EQ(read_roots("/does/not/exist").error().code, Errc::not_found);
  EXPECT_TRUE(read_roots(directory_).has_error());
  ServerOptions server;
  server.address = "https://h:1";
  server.root = "/does/not/exist";
  EXPECT_THAT(check_root(server).error().detail, HasSubstr("/does/not/exist"));
  server.address = "http://127.0.0.1:1";
  EXPECT_FALSE(check_root(server).has_error()) << "nothing is verified";
  server.address = "https://h:1";
  server.root = pem;
  EXPECT_FALSE(check_root(server).has_error());
}

TEST_F(ServerSettingsTest, SystemTrustStore) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\ny\n-----END CERTIFICATE-----\n";
  const auto path = file(pem);
  ::setenv("SSL_CERT_FILE", path.c_str(), 1);
  EXPECT_EQ(read_roots("SYSTEM").value(), pem);
  ::setenv("SSL_CERT_FILE", "/does/not/exist", 1);
  EXPECT_EQ(read_roots("SYSTEM").error().code, Errc::io) << "what is named is not replaced";
  ::unsetenv("SSL_CERT_FILE");
  // That of this machine: deploy/packages installs ca-certificates.
  const auto own = read_roots("SYSTEM");
  ASSERT_TRUE(own.has_value()) << own.error().detail;
  EXPECT_GT(own->size(), 10'000U);
}

struct AddressCase {
  const char* text;
  const char* target;  // null: refused
  bool tls;
};

class ServerAddressTest : public ::testing::TestWithParam<AddressCase> {};

TEST_P(ServerAddressTest, Parses) {
  const auto endpoint = Endpoint::parse(GetParam().text);
  ASSERT_EQ(endpoint.has_value(), GetParam().target != nullptr) << GetParam().text;
  if (!endpoint) return;
  EXPECT_EQ(endpoint->target(), GetParam().target);
  EXPECT_EQ(endpoint->tls, GetParam().tls);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ServerAddressTest,
    ::testing::Values(
        AddressCase{"https://istiod.istio-system.svc:15012", "dns:///istiod.istio-system.svc:15012",
                    true},
        AddressCase{"istiod:15012", "dns:///istiod:15012", true},
        AddressCase{"https://istiod", "dns:///istiod:443", true},
        AddressCase{"http://127.0.0.1:15010/", "ipv4:127.0.0.1:15010", false},
        AddressCase{"http://h", "dns:///h:80", false},
        AddressCase{"https://[2001:2::1]:15012", "ipv6:[2001:2::1]:15012", true},
        AddressCase{"", nullptr, true}, AddressCase{"https://", nullptr, true},
        AddressCase{"https://:15012", nullptr, true}, AddressCase{"h:", nullptr, true},
        AddressCase{"h:0", nullptr, true}, AddressCase{"h:65536", nullptr, true},
        AddressCase{"h:1x", nullptr, true}, AddressCase{"[::1", nullptr, true},
        AddressCase{"[h]:1", nullptr, true}, AddressCase{"::1:15012", nullptr, true},
        AddressCase{"ftp://h:1", nullptr, true}, AddressCase{"https://u@h:1", nullptr, true},
        AddressCase{"%%%:15012", nullptr, true}, AddressCase{"a_b-c.d:1", "dns:///a_b-c.d:1", true},
        AddressCase{"https://h:1/path", nullptr, true}));

TEST(CertificateNames, CoverWhatTheyShould) {
  const std::vector<std::string> dns{"istiod.svc", "*.mesh.example", "*.com"};
  const std::vector<std::string> ip{"198.18.0.1", "2001:2::1"};
  const PeerNames names{dns, ip};
  EXPECT_TRUE(certificate_covers(names, "istiod.svc"));
  EXPECT_TRUE(certificate_covers(names, "ISTIOD.svc."));
  EXPECT_TRUE(certificate_covers(names, "a.mesh.example"));
  EXPECT_TRUE(certificate_covers(names, "198.18.0.1"));
  EXPECT_TRUE(certificate_covers(names, "2001:0002::0001"));
  EXPECT_FALSE(certificate_covers(names, "mesh.example"));
  EXPECT_FALSE(certificate_covers(names, "a.b.mesh.example"));
  EXPECT_FALSE(certificate_covers(names, ".mesh.example"));
  EXPECT_FALSE(certificate_covers(names, "example.com")) << "too wide";
  EXPECT_FALSE(certificate_covers(names, "198.18.0.2"));
  EXPECT_FALSE(certificate_covers(names, "other"));
  EXPECT_FALSE(certificate_covers(names, ""));
}

TEST(Headers, OnlyWhatGrpcAccepts) {
  EXPECT_TRUE(header_name_ok("x-custom_1.a"));
  for (const char* bad : {"", "X", "a b", ":authority", "grpc-timeout", "key-bin", "a\n"})
    EXPECT_FALSE(header_name_ok(bad)) << bad;
  EXPECT_TRUE(header_value_ok("a b~"));
  for (const char* bad : {"a\n", "\x7f", "\xc3"}) EXPECT_FALSE(header_value_ok(bad)) << bad;
}

}  // namespace
}  // namespace culvert::control
