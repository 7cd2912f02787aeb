#include "control/local/schema.hpp"

namespace culvert::control::local {

namespace {

// "network/IP", or nothing when the part behind the first slash is no address.
std::optional<state::NetworkAddress> network_address(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto ip = IpAddress::parse(text.substr(slash + 1));
  if (!ip) return std::nullopt;
  return state::NetworkAddress{Name(text.substr(0, slash)), *ip};
}

constexpr std::uint16_t kHbonePort = 15008;

}  // namespace

state::NetworkAddress read_network_address(const Value& value) {
  auto address = network_address(value.text());
  if (!address) value.bad("not \"network/IP\": " + value.text());
  return *std::move(address);
}

state::NamespacedHostname read_service_key(const Value& value) {
  auto key = state::NamespacedHostname::parse(value.text());
  if (!key) value.bad(key.error().detail);
  return *std::move(key);
}

state::GatewayAddress read_gateway(const Value& value) {
  value.only({"destination", "hboneMtlsPort"});
  state::GatewayAddress gateway;
  const Value destination = value.required("destination");
  if (const auto address = network_address(destination.text())) {
    gateway.destination = *address;
  } else {
    gateway.destination = read_service_key(destination);
  }
  const auto port = value.find("hboneMtlsPort");
  gateway.hbone_mtls_port = port ? port->port(1) : kHbonePort;
  return gateway;
}

state::PortMap read_ports(const Value& value) {
  state::PortMap ports;
  for (const auto& [service_port, target] : value.entries())
    ports.set(service_port.port(1), target.port(0));
  return ports;
}

}  // namespace culvert::control::local
