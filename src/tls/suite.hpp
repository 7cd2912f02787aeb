// The two TLS 1.3 cipher suites that we use (RFC 8446 appendix B.4).
#pragma once

#include <cstddef>
#include <cstdint>

namespace culvert::tls {

enum class Suite : std::uint16_t {
  aes128_gcm_sha256 = 0x1301,
  aes256_gcm_sha384 = 0x1302,
};

constexpr std::size_t key_size(Suite suite) { return suite == Suite::aes256_gcm_sha384 ? 32 : 16; }
constexpr std::size_t hash_size(Suite suite) { return suite == Suite::aes256_gcm_sha384 ? 48 : 32; }

}  // namespace culvert::tls
