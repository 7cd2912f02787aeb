#include "culvert/state/inbound.hpp"

#include <algorithm>
#include <charconv>

namespace culvert::state {

namespace {

// RFC 1035 section 2.3.4: 255 octets on the wire, 253 in text.
constexpr std::size_t kMaxHostname = 253;

bool hostname_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '*';
}

// Digits and dots only would be an IP address that some resolver reads differently than we do.
bool numeric(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Decimal, 1 to 65535, without sign, space or superfluous characters.
std::uint16_t parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() ? port : std::uint16_t{0};
}

Error malformed(std::string_view what) {
  return fail(Errc::protocol, "malformed authority: " + std::string(what));
}

}  // namespace

Result<Authority> Authority::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed("no port");
  Authority authority;
  authority.port = parse_port(text.substr(colon + 1));
  if (authority.port == 0) return malformed("not a port above 0");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return malformed("no closing bracket");
    const auto ip = IpAddress::parse(host.substr(1, host.size() - 2));
    if (!ip || host.find(':') == std::string_view::npos)
      return malformed("not an IPv6 address in brackets");
    authority.host = *ip;
    return authority;
  }
  if (host.empty() || host.size() > kMaxHostname) return malformed("hostname of unusable length");
  if (numeric(host)) {
    const auto ip = IpAddress::parse(host);
    if (!ip) return malformed("not an IPv4 address");
    authority.host = *ip;
    return authority;
  }
  if (!std::all_of(host.begin(), host.end(), hostname_character))
    return malformed("not a hostname");
  authority.host = host;
  return authority;
}

}  // namespace culvert::state
