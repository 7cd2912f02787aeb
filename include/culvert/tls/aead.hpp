// AES-GCM in the shape that TLS 1.3 records need, behind one small interface with two back ends:
// OpenSSL's EVP, always there, and Intel's multi-buffer library, several times faster on x86-64
// with an old OpenSSL. Chosen once, at start.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace culvert::tls {

// One key of AES-128-GCM or AES-256-GCM in one direction. One thread at a time. The expanded key is
// wiped when it is replaced or dies.
class Aead {
 public:
  static constexpr std::size_t kTag = 16;
  static constexpr std::size_t kNonce = 12;
  using Nonce = std::array<std::uint8_t, kNonce>;

  virtual ~Aead() = default;
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;

  // Encrypts `plaintext` and then the one byte `last`; writes plaintext.size() + 1 + kTag bytes to
  // `out`, which may start where the plaintext does but not overlap otherwise. False when the
  // crypto library fails.
  virtual bool seal(const Nonce& nonce, Bytes aad, Bytes plaintext, std::uint8_t last,
                    std::uint8_t* out) = 0;
  // Decrypts `ciphertext` (tag at its end, at least kTag bytes) to `out`, ciphertext.size() - kTag
  // bytes; same overlap rule. False when the tag is wrong: what is in `out` then is wiped.
  virtual bool open(const Nonce& nonce, Bytes aad, Bytes ciphertext, std::uint8_t* out) = 0;

 protected:
  Aead() = default;
};

// Which implementation.
enum class AeadBackend : std::uint8_t { evp, ipsec_mb };

// Selects the back end of the process from CULVERT_AEAD (auto, ipsec-mb, evp; unset means auto):
// auto takes ipsec-mb where library and processor have it, unless OpenSSL's FIPS provider is
// active. Call once, at start, before threads; without the call it happens at first use and falls
// back to auto. Errc::invalid for another value, Errc::unsupported for ipsec-mb where it cannot be
// and under FIPS.
Result<AeadBackend> select_aead();
// The one in use: "ipsec-mb (VAES AVX512)" or "evp (OpenSSL 3.0.17)", for logs and benchmarks.
std::string_view aead_name();
// True when `backend` works in this build on this processor.
bool aead_available(AeadBackend backend);

// A key of 16 or 32 bytes with the back end in use, or with a given one (tests, benchmarks).
// Errc::tls when the crypto library refuses, Errc::unsupported when the back end is not there.
Result<std::unique_ptr<Aead>> make_aead(Bytes key);
Result<std::unique_ptr<Aead>> make_aead(AeadBackend backend, Bytes key);

}  // namespace culvert::tls
