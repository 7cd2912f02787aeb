// Views over raw bytes: the currency of every codec that is written without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace culvert {

// Bytes that the callee may read; the caller keeps them alive for the duration of the call.
using Bytes = std::span<const std::uint8_t>;
// Bytes that the callee may write.
using MutableBytes = std::span<std::uint8_t>;

// Views text as bytes, without a copy; same lifetime as `text`.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Views bytes as text, without a copy; same lifetime as `bytes`.
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace culvert
