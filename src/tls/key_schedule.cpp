#include "tls/key_schedule.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

namespace culvert::tls {
namespace {

// HMAC over one block; the algorithm is fetched once for the process.
bool hmac(Suite suite, Bytes key, Bytes data, MutableBytes out) {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* context = algorithm != nullptr ? EVP_MAC_CTX_new(algorithm) : nullptr;
  if (context == nullptr) return false;
  char sha384[] = "SHA384";
  char sha256[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                       suite == Suite::aes256_gcm_sha384 ? sha384 : sha256, 0),
      OSSL_PARAM_construct_end()};
  std::size_t length = 0;
  const bool done = EVP_MAC_init(context, key.data(), key.size(), parameters) == 1 &&
                    EVP_MAC_update(context, data.data(), data.size()) == 1 &&
                    EVP_MAC_final(context, out.data(), &length, out.size()) == 1;
  EVP_MAC_CTX_free(context);
  return done && length == out.size();
}

}  // namespace

template <std::size_t N>
void SecretBytes<N>::wipe() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}
template struct SecretBytes<48>;
template struct SecretBytes<32>;

bool expand_label(Suite suite, Bytes secret, std::string_view label, MutableBytes out) {
  static constexpr std::string_view kPrefix = "tls13 ";
  static constexpr std::size_t kLongestLabel = 32;
  const std::size_t hash = hash_size(suite);
  if (out.size() > hash || label.size() > kLongestLabel) return false;
  // struct HkdfLabel, then the block counter of HKDF-Expand: one block is always enough here.
  std::array<std::uint8_t, 2 + 1 + kPrefix.size() + kLongestLabel + 1 + 1> info{};
  auto at = info.begin();
  *at++ = static_cast<std::uint8_t>(out.size() >> 8);
  *at++ = static_cast<std::uint8_t>(out.size());
  *at++ = static_cast<std::uint8_t>(kPrefix.size() + label.size());
  at = std::copy(kPrefix.begin(), kPrefix.end(), at);
  at = std::copy(label.begin(), label.end(), at);
  *at++ = 0;  // empty context
  *at++ = 1;  // first block
  TrafficSecret block;
  const auto used = static_cast<std::size_t>(at - info.begin());
  if (!hmac(suite, secret, Bytes(info).first(used), block.first(hash))) return false;
  std::copy_n(block.bytes.begin(), out.size(), out.begin());
  return true;
}

bool next_secret(Suite suite, TrafficSecret& secret) {
  TrafficSecret next;
  const std::size_t size = hash_size(suite);
  if (!expand_label(suite, secret.first(size), "traffic upd", next.first(size))) return false;
  secret = next;
  return true;
}

}  // namespace culvert::tls
