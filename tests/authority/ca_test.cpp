#include "authority/ca.hpp"

#include "authority/request_builder.hpp"

#include <gmock/gmock.h>
#include <openssl/x509_vfy.h>

namespace culvert::authority {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const WallTime kNow = WallClock::from_time_t(1'800'000'000);
constexpr const char* kUri = "spiffe://cluster.local/ns/shop/sa/cart";

CertificateAuthority make_ca() {
  const auto root = CertificateAuthority::make_root("cluster.local", kNow);
  return *CertificateAuthority::open(*root, kNow);
}

CertPtr issue(const CertificateAuthority& ca, std::chrono::seconds ttl, WallTime now = kNow) {
  const auto request = read_signing_request(make_request({.uris = {kUri}}));
  const auto leaf = ca.issue(*request, *Identity::parse(kUri), ttl, now);
  return *cert_from_pem(*leaf);
}

// OpenSSL's verdict on `leaf` below `root` at `when`, for a TLS peer of that role.
int verdict(X509& leaf, const std::string& root_pem, WallTime when, int purpose) {
  const auto root = *cert_from_pem(root_pem);
  const std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  const std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>> context(
      X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), &leaf, nullptr);
  auto* settings = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(settings, WallClock::to_time_t(when));
  X509_VERIFY_PARAM_set_purpose(settings, purpose);
  X509_VERIFY_PARAM_set_flags(settings, X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

std::vector<std::string> sans(X509& cert, int* critical) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&cert, NID_subject_alt_name, critical, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    const auto* text = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, nullptr));
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return out;
}

TEST(CertificateAuthority, LeafVerifiesAsClientAndServer) {
  const auto ca = make_ca();
  const auto leaf = issue(ca, 1h);
  for (const int purpose : {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SSL_SERVER}) {
    EXPECT_EQ(verdict(*leaf, ca.root_pem(), kNow, purpose), X509_V_OK);
    EXPECT_EQ(verdict(*leaf, ca.root_pem(), kNow - 59s, purpose), X509_V_OK);
    EXPECT_EQ(verdict(*leaf, ca.root_pem(), kNow - 61s, purpose), X509_V_ERR_CERT_NOT_YET_VALID);
    EXPECT_EQ(verdict(*leaf, ca.root_pem(), kNow + 3601s, purpose), X509_V_ERR_CERT_HAS_EXPIRED);
  }
  EXPECT_NE(verdict(*leaf, make_ca().root_pem(), kNow, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
}

TEST(CertificateAuthority, LeafSaysWhatAnSvidMustSay) {
  const auto leaf = issue(make_ca(), 1h);
  int critical = -1;
  EXPECT_THAT(sans(*leaf, &critical), ::testing::ElementsAre(kUri));
  EXPECT_EQ(critical, 1);
  EXPECT_EQ(X509_NAME_entry_count(X509_get_subject_name(leaf.get())), 0);
  EXPECT_EQ(X509_get_key_usage(leaf.get()),
            static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT));
  EXPECT_EQ(X509_get_extended_key_usage(leaf.get()),
            static_cast<std::uint32_t>(XKU_SSL_CLIENT | XKU_SSL_SERVER));
  EXPECT_EQ(X509_check_ca(leaf.get()), 0);
  const auto again = issue(make_ca(), 1h);
  EXPECT_NE(
      ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf.get()), X509_get0_serialNumber(again.get())), 0);
}

TEST(CertificateAuthority, LeafNeverOutlivesTheRoot) {
  const auto ca = make_ca();
  const auto root_end = *not_after(**cert_from_pem(ca.root_pem()));
  const auto leaf = issue(ca, 24h, root_end - 1h);
  EXPECT_EQ(*not_after(*leaf), root_end);
}

TEST(CertificateAuthority, ServingCertificateHasNamesAndAddresses) {
  const auto ca = make_ca();
  const auto made = ca.issue_serving({"localhost", "127.0.0.1", "::1"}, kNow);
  ASSERT_TRUE(made) << made.error().detail;
  const auto cert = *cert_from_pem(made->cert);
  EXPECT_EQ(X509_check_host(cert.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(cert.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(cert.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_host(cert.get(), "elsewhere", 0, 0, nullptr), 0);
  EXPECT_EQ(verdict(*cert, ca.root_pem(), kNow, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_THAT(made->cert, HasSubstr(ca.root_pem()));
  EXPECT_FALSE(ca.issue_serving({"two words"}, kNow));
}

TEST(CertificateAuthority, CommaInANameAddsNoOtherName) {
  const auto made = make_ca().issue_serving({"a,DNS:evil"}, kNow);
  ASSERT_TRUE(made);
  const auto cert = *cert_from_pem(made->cert);
  EXPECT_EQ(X509_check_host(cert.get(), "evil", 0, 0, nullptr), 0);
}

TEST(CertificateAuthority, OpensOnlyWhatBelongsTogether) {
  const auto root = *CertificateAuthority::make_root("cluster.local", kNow);
  const auto other = *CertificateAuthority::make_root("cluster.local", kNow);
  const auto serving = *make_ca().issue_serving({"localhost"}, kNow);
  struct Case {
    const char* what;
    KeyAndCert given;
    WallTime now;
    const char* expected;
  };
  const Case cases[] = {
      {"good", root, kNow, ""},
      {"swapped", {other.key, root.cert}, kNow, "do not match"},
      {"no key", {"", root.cert}, kNow, "root key"},
      {"no certificate", {root.key, "junk"}, kNow, "root certificate"},
      {"leaf", serving, kNow, "may not sign"},
      {"expired", root, kNow + 24h * 3653, "expired"},
  };
  for (const auto& c : cases) {
    const auto opened = CertificateAuthority::open(c.given, c.now);
    EXPECT_EQ(opened.has_value(), *c.expected == '\0') << c.what;
    if (!opened) {
      EXPECT_THAT(opened.error().detail, HasSubstr(c.expected)) << c.what;
    }
  }
}

TEST(SigningRequest, ReadsKeyAndUris) {
  const auto request = read_signing_request(make_request({.uris = {kUri, "spiffe://a/b"}}));
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_THAT(request->uris, ::testing::ElementsAre(kUri, "spiffe://a/b"));
  EXPECT_TRUE(read_signing_request(make_request({}))->uris.empty());
}

TEST(SigningRequest, RefusesWhatProvesNothing) {
  const auto good = make_request({.uris = {kUri}});
  struct Case {
    std::string pem;
    const char* expected;
  };
  const Case cases[] = {
      {"", "not PKCS#10"},
      {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
       "not PKCS#10"},
      {good.substr(0, good.size() / 2), "not PKCS#10"},
      {make_request({.uris = {kUri}, .foreign_signature = true}), "does not verify"},
      {make_request({.uris = {kUri}, .weak_rsa_bits = 1024}), "too weak"},
      {std::string(70'000, 'x'), "64 KiB"},
  };
  for (const auto& c : cases) {
    const auto request = read_signing_request(c.pem);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, Errc::invalid);
    EXPECT_THAT(request.error().detail, HasSubstr(c.expected));
  }
}

// A root of somebody else's that never ends: far in the future, not in the past.
TEST(NotAfter, NoEndIsLate) {
  const CertPtr cert(X509_new());
  ASSERT_EQ(ASN1_TIME_set_string_X509(X509_getm_notAfter(cert.get()), "99991231235959Z"), 1);
  EXPECT_GT(not_after(*cert).value(), kNow + 24h * 365 * 100);
}

}  // namespace
}  // namespace culvert::authority
