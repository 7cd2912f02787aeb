#include "tls/post_handshake.hpp"

#include <algorithm>

namespace culvert::tls {
namespace {

constexpr std::uint8_t kNewSessionTicket = 4;
constexpr std::uint8_t kKeyUpdate = 24;
// lifetime, age_add, nonce<0..255>, ticket<1..2^16-1>, extensions<0..2^16-2> (section 4.6.1).
constexpr std::uint32_t kLongestTicket = 4 + 4 + 256 + 65537 + 65536;

PostHandshakeReader::Outcome violation(Alert alert, std::string_view reason) {
  return {false, false, alert, reason};
}

}  // namespace

std::uint32_t PostHandshakeReader::body_size() const {
  return static_cast<std::uint32_t>(header_[1]) << 16 |
         static_cast<std::uint32_t>(header_[2]) << 8 | header_[3];
}

PostHandshakeReader::Outcome PostHandshakeReader::on_header(bool client) const {
  if (header_[0] == kKeyUpdate) {
    if (body_size() != 1) return violation(Alert::decode_error, "key update of a wrong size");
    return {};
  }
  if (header_[0] != kNewSessionTicket || !client)
    return violation(Alert::unexpected_message, "handshake message that has no place here");
  if (body_size() > kLongestTicket) return violation(Alert::decode_error, "ticket too long");
  return {};
}

PostHandshakeReader::Outcome PostHandshakeReader::on_key_update(std::uint8_t request, bool last) {
  if (request > 1) return violation(Alert::illegal_parameter, "key update with an unknown request");
  if (!last) return violation(Alert::unexpected_message, "data behind a key update");
  header_size_ = 0;
  body_left_ = 0;
  return {true, request == 1, std::nullopt, {}};
}

PostHandshakeReader::Outcome PostHandshakeReader::read(Bytes content, bool client) {
  while (!content.empty()) {
    if (header_size_ < header_.size()) {
      header_[header_size_++] = content.front();
      content = content.subspan(1);
      if (header_size_ < header_.size()) continue;
      if (const auto outcome = on_header(client); outcome.error) return outcome;
      body_left_ = body_size();
    } else if (header_[0] == kKeyUpdate) {
      return on_key_update(content.front(), content.size() == 1);
    } else {
      const auto skipped = std::min<std::size_t>(body_left_, content.size());
      body_left_ -= static_cast<std::uint32_t>(skipped);
      content = content.subspan(skipped);
    }
    // A ticket is over, be it with its last byte or, if it is empty, with its header.
    if (body_left_ == 0 && header_[0] != kKeyUpdate) header_size_ = 0;
  }
  return {};
}

}  // namespace culvert::tls
