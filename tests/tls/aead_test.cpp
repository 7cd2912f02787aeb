#include "culvert/tls/aead.hpp"

#include "culvert/base/random.hpp"
#include "tls/aead_backend.hpp"
#include "tls/hex.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace culvert::tls {
namespace {

std::vector<std::uint8_t> random_bytes(Random& random, std::size_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
  return bytes;
}

class AeadTest : public ::testing::TestWithParam<AeadBackend> {
 protected:
  void SetUp() override {
    if (!aead_available(GetParam())) GTEST_SKIP() << "back end is not in this build";
  }
  std::unique_ptr<Aead> make(Bytes key) { return *make_aead(GetParam(), key); }
};

// Test case 16 of the GCM specification (McGrew, Viega), split as plaintext and last byte.
TEST_P(AeadTest, MatchesThePublishedVector) {
  const auto key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const auto iv = unhex("cafebabefacedbaddecaf888");
  const auto plain = unhex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const auto aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto expected = unhex(
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  Aead::Nonce nonce;
  std::copy(iv.begin(), iv.end(), nonce.begin());
  std::vector<std::uint8_t> out(plain.size() + Aead::kTag);
  ASSERT_TRUE(
      make(key)->seal(nonce, aad, Bytes(plain).first(plain.size() - 1), plain.back(), out.data()));
  EXPECT_EQ(out, expected);
}

TEST_P(AeadTest, OpensWhatItSealsAtEverySizeAndInPlace) {
  Random random(7);
  for (const std::size_t key_size : {16u, 32u}) {
    const auto aead = make(random_bytes(random, key_size));
    for (const std::size_t n :
         {0u, 1u, 15u, 16u, 17u, 63u, 255u, 1023u, 1024u, 1025u, 16383u, 16384u}) {
      const auto aad = random_bytes(random, 5);
      const auto plain = random_bytes(random, n);
      Aead::Nonce nonce{};
      nonce[3] = static_cast<std::uint8_t>(n);
      std::vector<std::uint8_t> sealed(n + 1 + Aead::kTag);
      ASSERT_TRUE(aead->seal(nonce, aad, plain, 23, sealed.data()));
      std::vector<std::uint8_t> in_place = plain;
      in_place.resize(sealed.size());
      ASSERT_TRUE(aead->seal(nonce, aad, Bytes(in_place).first(n), 23, in_place.data()));
      EXPECT_EQ(in_place, sealed);
      std::vector<std::uint8_t> opened(n + 1);
      ASSERT_TRUE(aead->open(nonce, aad, sealed, opened.data()));
      EXPECT_TRUE(std::equal(plain.begin(), plain.end(), opened.begin()));
      EXPECT_EQ(opened.back(), 23);
      ASSERT_TRUE(aead->open(nonce, aad, in_place, in_place.data()));
      in_place.resize(n + 1);
      EXPECT_EQ(in_place, opened);
    }
  }
}

TEST_P(AeadTest, RefusesEveryFlippedBitAndLeavesNoPlaintext) {
  Random random(11);
  const auto aead = make(random_bytes(random, 32));
  const auto aad = random_bytes(random, 5);
  const auto plain = random_bytes(random, 40);
  const Aead::Nonce nonce{};
  std::vector<std::uint8_t> sealed(plain.size() + 1 + Aead::kTag);
  ASSERT_TRUE(aead->seal(nonce, aad, plain, 23, sealed.data()));
  std::vector<std::uint8_t> opened(plain.size() + 1);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto bad = sealed;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(aead->open(nonce, aad, bad, opened.data()));
    EXPECT_EQ(std::count(opened.begin(), opened.end(), 0),
              static_cast<std::ptrdiff_t>(opened.size()));
  }
  auto bad_aad = aad;
  bad_aad[4] ^= 1;
  EXPECT_FALSE(aead->open(nonce, bad_aad, sealed, opened.data()));
  Aead::Nonce bad_nonce{};
  bad_nonce[11] = 1;
  EXPECT_FALSE(aead->open(bad_nonce, aad, sealed, opened.data()));
}

INSTANTIATE_TEST_SUITE_P(Backends, AeadTest,
                         ::testing::Values(AeadBackend::evp, AeadBackend::ipsec_mb));

TEST(Aead, BackEndsMakeTheSameBytes) {
  if (!aead_available(AeadBackend::ipsec_mb)) GTEST_SKIP() << "one back end only";
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const auto key = random_bytes(random, random.below(2) == 0 ? 16 : 32);
    const auto plain = random_bytes(random, random.below(17000));
    const auto aad = random_bytes(random, 5);
    Aead::Nonce nonce;
    for (auto& b : nonce) b = static_cast<std::uint8_t>(random.next());
    std::vector<std::uint8_t> a(plain.size() + 17);
    std::vector<std::uint8_t> b(plain.size() + 17);
    ASSERT_TRUE((*make_aead(AeadBackend::evp, key))->seal(nonce, aad, plain, 22, a.data()));
    ASSERT_TRUE((*make_aead(AeadBackend::ipsec_mb, key))->seal(nonce, aad, plain, 22, b.data()));
    ASSERT_EQ(a, b);
  }
}

TEST(Aead, RefusesKeysOfAWrongSize) {
  const std::vector<std::uint8_t> key(24);
  EXPECT_FALSE(make_aead(AeadBackend::evp, key).has_value());
}

// Only OpenSSL's provider is validated: whoever asks for another one is told, and auto does not.
TEST(Aead, StaysInOpensslUnderFips) {
  EXPECT_EQ(*choose_aead("auto", true), AeadBackend::evp);
  EXPECT_EQ(*choose_aead("evp", true), AeadBackend::evp);
  const auto forced = choose_aead("ipsec-mb", true);
  ASSERT_TRUE(forced.has_error());
  EXPECT_EQ(forced.error().code, Errc::unsupported);
  EXPECT_NE(forced.error().detail.find("FIPS"), std::string::npos) << forced.error().detail;
  EXPECT_EQ(choose_aead("rot13", true).error().code, Errc::invalid);
}

TEST(Aead, IsSelectedByTheEnvironment) {
  ::setenv("CULVERT_AEAD", "evp", 1);
  EXPECT_EQ(*select_aead(), AeadBackend::evp);
  EXPECT_TRUE(aead_name().starts_with("evp (OpenSSL 3."));
  ::setenv("CULVERT_AEAD", "rot13", 1);
  EXPECT_EQ(select_aead().error().code, Errc::invalid);
  ::setenv("CULVERT_AEAD", "ipsec-mb", 1);
  const auto chosen = select_aead();
  if (aead_available(AeadBackend::ipsec_mb)) {
    EXPECT_EQ(*chosen, AeadBackend::ipsec_mb);
    EXPECT_TRUE(aead_name().starts_with("ipsec-mb ("));
  } else {
    EXPECT_EQ(chosen.error().code, Errc::unsupported);
  }
  ::unsetenv("CULVERT_AEAD");
  EXPECT_TRUE(select_aead().has_value());
}

}  // namespace
}  // namespace culvert::tls
