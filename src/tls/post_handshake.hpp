// Handshake messages behind the handshake: tickets are skipped, key updates reported, everything
// else is a violation (RFC 8446 section 4.6). Messages may be split over records or share one.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/tls/channel.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace culvert::tls {

// Plain data: part of RecordState.
class PostHandshakeReader {
 public:
  // What one record's worth of handshake bytes amounted to.
  struct Outcome {
    bool key_update = false;        // the peer's next record is under its next key
    bool update_requested = false;  // and it wants the same from us
    std::optional<Alert> error;     // violation: the connection ends with this alert
    std::string_view reason;        // of the violation; a literal
  };

  // Reads the content of one handshake record. `client`: our own role (only clients get tickets).
  Outcome read(Bytes content, bool client);
  // True inside a message: no other record may come in between (section 5.1).
  bool partial() const { return header_size_ > 0; }

 private:
  Outcome on_header(bool client) const;
  Outcome on_key_update(std::uint8_t request, bool last);
  std::uint32_t body_size() const;

  std::array<std::uint8_t, 4> header_{};
  std::uint8_t header_size_ = 0;  // of header_; 0 between messages
  std::uint32_t body_left_ = 0;   // once the header is complete
};

}  // namespace culvert::tls
