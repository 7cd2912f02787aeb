// Whether a CONNECT request that arrived for a local workload may be delivered, and where: a pure
// function of the state. Authorization comes after it (authorize.hpp).
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/state/ports.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace culvert::state {

// The :authority of a CONNECT request: an IP address or a hostname, and a port above 0. Hostnames
// are ASCII letters, digits, '-', '_', '.' and '*', at most 253 bytes, and not a number in
// disguise.
struct Authority {
  std::variant<IpAddress, std::string_view> host;  // the name lies in the parsed text
  std::uint16_t port = 0;

  // From "1.2.3.4:80", "[::1]:80" or "host:80" (RFC 9110 section 7.1, RFC 3986 section 3.2). The
  // text must outlive the result. Errc::protocol otherwise.
  static Result<Authority> parse(std::string_view text);
  const IpAddress* ip() const { return std::get_if<IpAddress>(&host); }
  // Empty for an IP address.
  std::string_view hostname() const {
    const auto* name = std::get_if<std::string_view>(&host);
    return name == nullptr ? std::string_view() : *name;
  }
};

struct InboundSettings {
  InternalPorts internal_ports;
  bool localhost_app_tunnel = true;  // PROXY application tunnels go to loopback
};

// Deliver.
struct InboundTarget {
  SocketAddress next_hop;  // the application; what policies see as destination
  // Where to dial when it is not `next_hop`: a PROXY application tunnel on loopback, to which the
  // source is bound to loopback too.
  std::optional<SocketAddress> loopback;
  // Set when a PROXY v2 header goes first: the destination to put in it.
  std::optional<SocketAddress> proxy_destination;
  // The service that was meant, for labels, where the authority names it; else null, and
  // guess_service() may tell.
  ServicePtr service;

  // Where to dial.
  const SocketAddress& dial() const { return loopback ? *loopback : next_hop; }
};

// Refuse.
struct InboundRefusal {
  int http_status = 503;
  Errc code = Errc::unavailable;
  std::string reason;
};

using InboundDecision = std::variant<InboundTarget, InboundRefusal>;

// Decides about one CONNECT request. `local` is the pod's workload, `connection_destination` the
// local address of the accepted TCP connection (the pod's IP), `authority` the request's, unparsed.
// Statuses: 400 for a bad or foreign authority, 503 for what cannot be delivered now.
InboundDecision decide_inbound(const View& view, const Workload& local,
                               const IpAddress& connection_destination, std::string_view authority,
                               const InboundSettings& settings);

// The service that a connection to `local` was meant for: the one of its services whose hostname is
// `forwarded_host` (may be empty), else the first whose target port is `port`; null when none.
ServicePtr guess_service(const View& view, const Workload& local, std::string_view forwarded_host,
                         std::uint16_t port);

}  // namespace culvert::state
