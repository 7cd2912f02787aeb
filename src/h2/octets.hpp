// Between text, octets and numbers as nghttp2 and the wire have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert::h2 {

// Octets before a frame's payload (RFC 9113 section 4.1).
constexpr std::size_t kFrameHeader = 9;

// The same memory.
inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
inline const std::uint8_t* octets(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

// Writes four octets in network order.
inline void put32(std::uint8_t* at, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(value >> shift);
}

}  // namespace culvert::h2
