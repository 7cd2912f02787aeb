// The part of the TLS 1.3 key schedule behind the handshake: from a traffic secret to key and IV,
// and to the next secret (RFC 8446 sections 7.1 to 7.3).
#pragma once

#include "culvert/base/bytes.hpp"
#include "tls/suite.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert::tls {

// At most `N` secret bytes; every copy is wiped on destruction.
template <std::size_t N>
struct SecretBytes {
  SecretBytes() = default;
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes() { wipe(); }
  void wipe();
  MutableBytes first(std::size_t n) { return MutableBytes(bytes).first(n); }
  Bytes first(std::size_t n) const { return Bytes(bytes).first(n); }

  std::array<std::uint8_t, N> bytes{};
};

// A traffic secret: hash_size() bytes are in use.
using TrafficSecret = SecretBytes<48>;
// A write key: key_size() bytes are in use.
using TrafficKey = SecretBytes<32>;

// HKDF-Expand-Label with an empty context into `out`, which is no longer than the suite's hash.
// False when the crypto library fails.
bool expand_label(Suite suite, Bytes secret, std::string_view label, MutableBytes out);

// application_traffic_secret_N+1 in place.
bool next_secret(Suite suite, TrafficSecret& secret);

}  // namespace culvert::tls
