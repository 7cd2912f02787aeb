// Field conversions that workloads, services and policies share.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/name.hpp"
#include "culvert/base/result.hpp"
#include "culvert/state/workload.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace istio::workload {
class GatewayAddress;
}

namespace culvert::control {

// An Errc::invalid about `field`.
inline Error bad_field(std::string_view field, const std::string& why) {
  return fail(Errc::invalid, std::string(field) + ": " + why);
}

// 4 or 16 raw bytes.
Result<IpAddress> to_ip(std::string_view field, const std::string& raw);
// Likewise with a prefix length. An IPv4-mapped block of IPv6 becomes the IPv4 block it means.
Result<IpPrefix> to_prefix(std::string_view field, const std::string& raw, std::uint32_t length);
// 0 to 65535.
Result<std::uint16_t> to_port(std::string_view field, std::uint32_t port);
// "namespace/hostname" of two fields, neither empty.
Result<state::NamespacedHostname> to_hostname(std::string_view field, const std::string& space,
                                              const std::string& hostname);
// A destination is required.
Result<state::GatewayAddress> to_gateway(std::string_view field,
                                         const istio::workload::GatewayAddress& in);

}  // namespace culvert::control
