#include "culvert/tls/channel.hpp"

#include <array>

namespace culvert::tls {
namespace {

struct AlertName {
  std::uint8_t number;
  std::string_view text;
};

// RFC 8446 section 6, with the numbers that only TLS 1.2 peers send.
constexpr std::array kNames = std::to_array<AlertName>({
    {0, "close_notify (0)"},
    {10, "unexpected_message (10)"},
    {20, "bad_record_mac (20)"},
    {22, "record_overflow (22)"},
    {40, "handshake_failure (40)"},
    {42, "bad_certificate (42)"},
    {43, "unsupported_certificate (43)"},
    {44, "certificate_revoked (44)"},
    {45, "certificate_expired (45)"},
    {46, "certificate_unknown (46)"},
    {47, "illegal_parameter (47)"},
    {48, "unknown_ca (48)"},
    {49, "access_denied (49)"},
    {50, "decode_error (50)"},
    {51, "decrypt_error (51)"},
    {70, "protocol_version (70)"},
    {71, "insufficient_security (71)"},
    {80, "internal_error (80)"},
    {86, "inappropriate_fallback (86)"},
    {90, "user_canceled (90)"},
    {100, "no_renegotiation (100)"},
    {109, "missing_extension (109)"},
    {110, "unsupported_extension (110)"},
    {112, "unrecognized_name (112)"},
    {113, "bad_certificate_status_response (113)"},
    {115, "unknown_psk_identity (115)"},
    {116, "certificate_required (116)"},
    {120, "no_application_protocol (120)"},
});

}  // namespace

std::string_view alert_name(std::uint8_t description) {
  for (const AlertName& name : kNames)
    if (name.number == description) return name.text;
  return "unknown";
}

}  // namespace culvert::tls
