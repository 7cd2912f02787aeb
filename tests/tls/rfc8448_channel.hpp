// Record layers with the keys of RFC 8448 section 3 (AES-128-GCM, SHA-256), and the records that a
// peer with these keys would make, good ones and bad ones.
#pragma once

#include "tls/hex.hpp"
#include "tls/record_channel.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::tls {

// The traffic secrets.
inline constexpr std::string_view kClientSecret =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
inline constexpr std::string_view kServerSecret =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

using ByteVector = std::vector<std::uint8_t>;

inline std::unique_ptr<RecordChannel> rfc_channel(bool client,
                                                  AeadBackend backend = AeadBackend::evp) {
  return *RecordChannel::create(RecordChannel::initial(Suite::aes128_gcm_sha256, client,
                                                       unhex(kClientSecret), unhex(kServerSecret)),
                                RecordChannel::kRecordsPerKey, backend);
}

inline ByteVector fifty_bytes() {
  ByteVector bytes(50);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

inline ByteVector sealed(Channel& channel, Bytes plaintext) {
  ByteVector out(Channel::sealed_size(plaintext.size()));
  const auto written = channel.seal(plaintext, out);
  EXPECT_TRUE(written.has_value()) << written.error().detail;
  out.resize(written ? *written : 0);
  return out;
}

// Everything that `channel` makes of `ciphertext`, the loop of a caller.
struct Read {
  ByteVector plaintext;
  bool closed = false;
  std::size_t left = 0;
  std::string error;
};
inline Read read_all(Channel& channel, ByteVector ciphertext) {
  Read read;
  ByteVector room(Channel::kMinPlaintextRoom);
  std::size_t at = 0;
  for (;;) {
    const auto opened = channel.open(MutableBytes(ciphertext).subspan(at), room);
    if (!opened) {
      read.error = opened.error().detail;
      break;
    }
    read.plaintext.insert(read.plaintext.end(), room.begin(),
                          room.begin() + static_cast<std::ptrdiff_t>(opened->produced));
    read.closed = read.closed || opened->closed;
    at += opened->consumed;
    if (opened->consumed == 0 || at == ciphertext.size()) break;
  }
  read.left = ciphertext.size() - at;
  return read;
}

// One record of chosen inner content, as the peer with `secret` and `sequence` would make it.
inline ByteVector record(std::string_view secret, std::uint64_t sequence, Bytes content,
                         std::uint8_t type, std::size_t padding = 0) {
  TrafficKey key;
  Aead::Nonce nonce;
  const auto bytes = unhex(secret);
  expand_label(Suite::aes128_gcm_sha256, bytes, "key", key.first(16));
  expand_label(Suite::aes128_gcm_sha256, bytes, "iv", nonce);
  for (std::size_t i = 0; i < 8; ++i)
    nonce[11 - i] ^= static_cast<std::uint8_t>(sequence >> (8 * i));
  ByteVector inner(content.begin(), content.end());
  inner.push_back(type);
  inner.resize(inner.size() + padding, 0);
  const std::size_t length = inner.size() + Aead::kTag;
  ByteVector out{23, 3, 3, static_cast<std::uint8_t>(length >> 8),
                 static_cast<std::uint8_t>(length)};
  const ByteVector header = out;
  out.resize(5 + length);
  const auto aead = make_aead(AeadBackend::evp, key.first(16));
  (*aead)->seal(nonce, header, Bytes(inner).first(inner.size() - 1), inner.back(), out.data() + 5);
  return out;
}
inline ByteVector server_record(std::uint64_t sequence, Bytes content, std::uint8_t type,
                                std::size_t padding = 0) {
  return record(kServerSecret, sequence, content, type, padding);
}

inline ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace culvert::tls
