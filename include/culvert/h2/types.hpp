// The words of HTTP/2 that the users of a session need, and no more of RFC 9113 than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert::h2 {

// A stream identifier, 1 to 2^31-1, never reused within one session (RFC 9113 section 5.1.1).
using StreamId = std::int32_t;

enum class Role : std::uint8_t { client, server };

// Reasons in RST_STREAM and GOAWAY (RFC 9113 section 7). A peer may send values beyond these.
enum class ErrorCode : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};

// The name as RFC 9113 spells it, e.g. "ENHANCE_YOUR_CALM"; "UNKNOWN" for others. Never dangles.
std::string_view to_string(ErrorCode code);

// One field line. A view: valid during the call that it is passed to. Names are lower case.
struct Header {
  std::string_view name;
  std::string_view value;
};

// What a session advertises and how much it produces. Defaults are what the reference ztunnel
// advertises, so that neither side of a mixed mesh notices a difference.
struct Settings {
  // SETTINGS_INITIAL_WINDOW_SIZE, bytes, up to 2^31-1: what one stream may hold undelivered.
  std::uint32_t stream_window = 4U << 20;
  // Receive window of the connection, bytes, 65535 to 2^31-1. It is credited on receipt, so it
  // bounds what is in flight, not what is held.
  std::uint32_t connection_window = 16U << 20;
  // SETTINGS_MAX_FRAME_SIZE, bytes, 16384 to 2^24-1.
  std::uint32_t max_frame_size = 1U << 20;
  // SETTINGS_MAX_HEADER_LIST_SIZE, bytes (32 a field line included); also enforced on receipt.
  std::uint32_t max_header_list = 16384;
  // SETTINGS_MAX_CONCURRENT_STREAMS, sent by a server only; streams beyond it are refused.
  std::uint32_t max_concurrent_streams = 200;
  // The largest DATA payload that next() makes, bytes; the peer's frame size and windows bound it
  // too.
  std::uint32_t max_send_frame = 256U << 10;

  // The defaults of each role: they differ in the header list only (client 16384, server 65536).
  static Settings defaults(Role role) {
    Settings settings;
    if (role == Role::server) settings.max_header_list = 65536;
    return settings;
  }
};

}  // namespace culvert::h2
