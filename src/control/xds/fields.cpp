#include "control/xds/fields.hpp"

#include "proto/workload.pb.h"

#include <utility>

namespace culvert::control {

namespace wire = istio::workload;

Result<IpAddress> to_ip(std::string_view field, const std::string& raw) {
  auto ip = IpAddress::from_bytes(as_bytes(raw));
  if (!ip)
    return bad_field(field, "an address of " + std::to_string(raw.size()) + " bytes, not 4 or 16");
  return ip;
}

Result<IpPrefix> to_prefix(std::string_view field, const std::string& raw, std::uint32_t length) {
  // Of an IPv4-mapped address (RFC 4291 section 2.5.5.2), IPv4 is what follows bit 96.
  constexpr std::uint32_t kMappedBits = 96;
  auto ip = to_ip(field, raw);
  if (!ip) return ip.error();
  auto bits = length;
  if (ip->is_v4() && raw.size() == 16) {
    if (length < kMappedBits)
      return bad_field(field, "a block across IPv4-mapped and other addresses");
    bits -= kMappedBits;
  }
  auto prefix = IpPrefix::make(*ip, bits);
  if (!prefix) return bad_field(field, "prefix length " + std::to_string(length) + " is too long");
  return prefix;
}

Result<std::uint16_t> to_port(std::string_view field, std::uint32_t port) {
  if (port > 65535) return bad_field(field, "port " + std::to_string(port) + " is above 65535");
  return static_cast<std::uint16_t>(port);
}

Result<state::NamespacedHostname> to_hostname(std::string_view field, const std::string& space,
                                              const std::string& hostname) {
  if (space.empty() || hostname.empty())
    return bad_field(field, "namespace and hostname must not be empty");
  return state::NamespacedHostname{Name(space), Name(hostname)};
}

Result<state::GatewayAddress> to_gateway(std::string_view field, const wire::GatewayAddress& in) {
  state::GatewayAddress out;
  const auto port = to_port(field, in.hbone_mtls_port());
  if (!port) return port.error();
  out.hbone_mtls_port = *port;
  switch (in.destination_case()) {
    case wire::GatewayAddress::kHostname: {
      auto name = to_hostname(field, in.hostname().namespace_(), in.hostname().hostname());
      if (!name) return name.error();
      out.destination = std::move(*name);
      return out;
    }
    case wire::GatewayAddress::kAddress: {
      const auto ip = to_ip(field, in.address().address());
      if (!ip) return ip.error();
      out.destination = state::NetworkAddress{Name(in.address().network()), *ip};
      return out;
    }
    case wire::GatewayAddress::DESTINATION_NOT_SET:
      break;
  }
  return bad_field(field, "no destination");
}

}  // namespace culvert::control
