// The constructors behind make_aead().
#pragma once

#include "culvert/tls/aead.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace culvert::tls {

// Up to this size it is cheaper to copy the plaintext beside its content type and seal in place in
// one call than to feed two pieces (measured: 0.6 of the time at 64 bytes, equal near 1 KB).
inline constexpr std::size_t kCopyBelow = 1024;

// What CULVERT_AEAD=`value` means; `fips`: OpenSSL's FIPS provider is active. As select_aead().
Result<AeadBackend> choose_aead(std::string_view value, bool fips);

// Null when OpenSSL refuses.
std::unique_ptr<Aead> make_evp_aead(Bytes key);
std::string evp_aead_name();

// Null when library or processor have no vectorised AES-GCM.
std::unique_ptr<Aead> make_ipsec_mb_aead(Bytes key);
bool ipsec_mb_available();
std::string ipsec_mb_aead_name();

}  // namespace culvert::tls
