// The parts of a server's address, and which host names its certificate may carry. No gRPC here,
// so that it can be tested by tables.
#pragma once

#include "culvert/base/result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace culvert::control {

struct Endpoint {
  bool tls = true;
  std::string host;  // a name or an IP address, without brackets
  std::uint16_t port = 0;

  // "https://host[:port][/]", "http://..." or, without scheme, as https. IPv6 in brackets.
  // Errc::invalid names what is wrong.
  static Result<Endpoint> parse(std::string_view address);
  // What gRPC dials: "dns:///host:port" or "ipv4:a.b.c.d:port", "ipv6:[::1]:port".
  std::string target() const;
};

// The names in a peer's certificate, as gRPC gives them.
struct PeerNames {
  std::span<const std::string> dns;
  std::span<const std::string> ip;  // as text
};

// True when `host` is covered by the certificate: an IP address by an equal IP SAN, a name by an
// equal DNS SAN (case-insensitively, a trailing dot ignored) or one whose leftmost label is "*"
// (RFC 6125 section 6.4.3; never for the last two labels).
bool certificate_covers(const PeerNames& names, std::string_view host);

}  // namespace culvert::control
