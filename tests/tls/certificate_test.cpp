#include "culvert/tls/certificate.hpp"

#include "support/test_ca.hpp"
#include "tls/certificate_text.hpp"

#include <gtest/gtest.h>

#include <openssl/pem.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

#include <regex>

namespace culvert::tls {
namespace {

using testing::FakeCertificateSource;
using testing::LeafOptions;
using testing::TestCa;

const Identity kId = *Identity::parse("spiffe://cluster.local/ns/shop/sa/cart");
const Identity kOther = *Identity::parse("spiffe://cluster.local/ns/shop/sa/other");

Result<std::shared_ptr<const Certificate>> load(std::vector<std::string> chain,
                                                const std::string& key,
                                                std::optional<Identity> expected = kId) {
  return Certificate::from_pem(chain, *PrivateKey::from_pem(key), expected);
}

TEST(Certificate, KeepsLeafIntermediatesAndRootsApart) {
  TestCa ca(2);
  TestCa second;
  ca.add_trust("-----BEGIN CERTIFICATE-----\nbroken\n" + second.root_pem());
  const auto pem = ca.issue_pem(kId);
  const auto made = load(pem.chain, pem.key);
  ASSERT_TRUE(made.has_value()) << made.error().detail;
  EXPECT_EQ((*made)->identity(), kId);
  EXPECT_EQ((*made)->chain().size(), 3u);
  EXPECT_EQ((*made)->roots().size(), 2u);
}

TEST(Certificate, RefusesWhatACaMustNotAnswer) {
  TestCa ca(1);
  const auto pem = ca.issue_pem(kId);
  const auto stranger = ca.issue_pem(kId);
  const std::string junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const struct {
    std::vector<std::string> chain;
    std::string key;
    Errc code;
    const char* text;
  } cases[] = {
      {{}, pem.key, Errc::invalid, "empty response"},
      {{pem.chain[0]}, pem.key, Errc::invalid, "no root present"},
      {{junk, ca.root_pem()}, pem.key, Errc::invalid, "element 0"},
      {{"", ca.root_pem()}, pem.key, Errc::invalid, "element 0"},
      {{pem.chain[0], junk, ca.root_pem()}, pem.key, Errc::invalid, "element 1"},
      {{pem.chain[0], junk}, pem.key, Errc::invalid, "no readable root"},
      {pem.chain, stranger.key, Errc::invalid, "does not belong to the key"},
  };
  for (const auto& c : cases) {
    const auto made = load(c.chain, c.key);
    ASSERT_TRUE(made.has_error()) << c.text;
    EXPECT_EQ(made.error().code, c.code) << made.error().detail;
    EXPECT_NE(made.error().detail.find(c.text), std::string::npos) << made.error().detail;
  }
  EXPECT_EQ(PrivateKey::from_pem("nonsense").error().code, Errc::invalid);
}

// Told to ask for a pass phrase, OpenSSL asks its user interface, which is the terminal.
int questions = 0;
TEST(Certificate, AsksNobodyForAPassPhrase) {
  UI_METHOD* const interface = UI_create_method("test");
  UI_method_set_opener(interface, [](UI*) {
    ++questions;
    return 0;
  });
  const UI_METHOD* const before = UI_get_default_method();
  UI_set_default_method(interface);
  TestCa ca;
  const auto pem = ca.issue_pem(kId);
  std::string encrypted = pem.chain[0];
  encrypted.insert(encrypted.find('\n') + 1,
                   "Proc-Type: 4,ENCRYPTED\n"
                   "DEK-Info: AES-256-CBC,000102030405060708090A0B0C0D0E0F\n\n");
  EXPECT_EQ(load({encrypted, ca.root_pem()}, pem.key).error().code, Errc::invalid);
  EXPECT_EQ(load({pem.chain[0], encrypted}, pem.key).error().code, Errc::invalid);
  UI_set_default_method(before);
  UI_destroy_method(interface);
  EXPECT_EQ(questions, 0);
}

TEST(Certificate, MustBeForTheIdentityThatWasAskedFor) {
  TestCa ca;
  const auto pem = ca.issue_pem(kId);
  EXPECT_EQ(load(pem.chain, pem.key, kOther).error().code, Errc::identity);
  LeafOptions endless;
  endless.uris = {"spiffe://" + std::string(50000, 'x')};
  const auto long_pem = ca.issue_pem(kId, endless);
  EXPECT_LT(load(long_pem.chain, long_pem.key).error().detail.size(), 1024u);
  EXPECT_LT(load(long_pem.chain, long_pem.key, std::nullopt).error().detail.size(), 1024u);
  EXPECT_TRUE(load(pem.chain, pem.key, std::nullopt).has_value());
  LeafOptions web;
  web.uris = {"https://example.org/", kId.uri()};
  const auto odd = ca.issue_pem(kId, web);
  EXPECT_EQ(load(odd.chain, odd.key).error().code, Errc::identity);
  EXPECT_EQ(load(odd.chain, odd.key, std::nullopt).error().code, Errc::identity);
}

TEST(Certificate, IsRefreshedAtHalfItsLife) {
  TestCa ca;
  LeafOptions options;
  options.not_before = std::chrono::seconds(-100);
  options.not_after = std::chrono::seconds(300);
  const auto made = ca.issue(kId, options);
  EXPECT_EQ(made->refresh_at() - made->not_before(), std::chrono::seconds(200));
  EXPECT_TRUE(made->valid_at(WallClock::now()));
  EXPECT_FALSE(made->valid_at(made->not_after()));
  EXPECT_FALSE(made->valid_at(made->not_before() - std::chrono::seconds(1)));
  options.not_before = std::chrono::seconds(500);
  const auto upside_down = ca.issue(kId, options);
  EXPECT_EQ(upside_down->refresh_at(), upside_down->not_after());
}

// RFC 5280 section 4.1.2.5 writes "no end" as the last second of the year 9999, which the clock's
// nanoseconds do not reach.
TEST(Certificate, DatesBeyondTheClockAreItsEnds) {
  const auto time = [](const char* text) {
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> date(ASN1_TIME_new(),
                                                                     &ASN1_TIME_free);
    EXPECT_EQ(ASN1_TIME_set_string_X509(date.get(), text), 1);
    return *wall_time(date.get());
  };
  const auto soon = WallClock::now() + std::chrono::hours(1);
  const auto endless = time("99991231235959Z");
  EXPECT_GT(endless, soon);
  const auto ancient = time("500101000000Z");  // 1950: the earliest two-digit year
  EXPECT_LT(ancient, soon);
  EXPECT_GT(endless - ancient, std::chrono::hours(24)) << "a lifetime that does not wrap";
  EXPECT_EQ(time("20300101000000Z"), WallClock::from_time_t(1'893'456'000));
}

TEST(Certificate, DescribesItselfWithoutItsKey) {
  TestCa ca(1);
  const auto pem = ca.issue_pem(kId);
  const auto description = (*load(pem.chain, pem.key))->describe();
  EXPECT_EQ(description.identity, kId);
  ASSERT_EQ(description.chain.size(), 2u);
  ASSERT_EQ(description.roots.size(), 1u);
  EXPECT_EQ(description.chain[0].pem, pem.chain[0]);
  EXPECT_TRUE(std::regex_match(description.chain[0].serial, std::regex("[0-9]+")));
  const std::regex time("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z");
  EXPECT_TRUE(std::regex_match(description.chain[0].not_before, time));
  EXPECT_TRUE(std::regex_match(description.roots[0].not_after, time));
}

TEST(Csr, HasEmptySubjectAndOneCriticalUri) {
  // A comma in a name must not become a second name.
  const Identity odd = *Identity::parse("spiffe://cluster.local/ns/a,URI:spiffe:b/sa/c");
  const auto made = make_csr(odd);
  ASSERT_TRUE(made.has_value());
  BIO* bio = BIO_new_mem_buf(made->csr_pem.data(), static_cast<int>(made->csr_pem.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(bio, nullptr, nullptr, nullptr);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 0);
  EXPECT_EQ(X509_REQ_get_signature_nid(request), NID_ecdsa_with_SHA256);
  EXPECT_EQ(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
  char group[32] = {};
  EVP_PKEY_get_group_name(X509_REQ_get0_pubkey(request), group, sizeof(group), nullptr);
  EXPECT_STREQ(group, "prime256v1");
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  ASSERT_EQ(sk_X509_EXTENSION_num(extensions), 1);
  X509_EXTENSION* san = sk_X509_EXTENSION_value(extensions, 0);
  EXPECT_EQ(X509_EXTENSION_get_critical(san), 1);
  auto* names = static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(san));
  ASSERT_EQ(sk_GENERAL_NAME_num(names), 1);
  const ASN1_IA5STRING* uri = sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                        static_cast<std::size_t>(ASN1_STRING_length(uri))),
            odd.uri());
  GENERAL_NAMES_free(names);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  X509_REQ_free(request);
  BIO_free(bio);
}

TEST(Csr, IsCertifiedIntoACertificate) {
  TestCa ca;
  auto request = *make_csr(kId);
  const auto chain = ca.sign_csr(request.csr_pem, kId);
  EXPECT_TRUE(Certificate::from_pem(chain, std::move(request.key), kId).has_value());
}

TEST(PrivateKey, SurvivesATripThroughPem) {
  TestCa ca;
  auto request = *make_csr(kId);
  const auto chain = ca.sign_csr(request.csr_pem, kId);
  EXPECT_TRUE(load(chain, *request.key.to_pem()).has_value());
}

TEST(FakeCertificateSource, IssuesHoldsAndFails) {
  TestCa ca;
  FakeCertificateSource source(ca);
  EXPECT_EQ(source.cached(kId), nullptr);
  std::shared_ptr<const Certificate> got;
  source.fetch(kId, Priority::realtime, [&](auto result) { got = *result; });
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(source.cached(kId), got);
  source.fail_for(kId, "told to");
  Errc code{};
  source.fetch(kId, Priority::warmup, [&](auto result) { code = result.error().code; });
  EXPECT_EQ(code, Errc::identity);
  EXPECT_EQ(source.fetches(), 2);
}

}  // namespace
}  // namespace culvert::tls
