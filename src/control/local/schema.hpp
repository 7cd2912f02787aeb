// From YAML values to records, one function for each kind. All throw Problem.
#pragma once

#include "control/local/value.hpp"
#include "culvert/state/store.hpp"

#include <string>
#include <utility>

namespace culvert::control::local {

// "network/IP"; the network may be empty.
state::NetworkAddress read_network_address(const Value& value);
// "namespace/hostname".
state::NamespacedHostname read_service_key(const Value& value);
// {destination, hboneMtlsPort}: an address, else a hostname; port 15008 by default.
state::GatewayAddress read_gateway(const Value& value);
// Service port to target port, 0 for a named one.
state::PortMap read_ports(const Value& value);

state::Workload read_workload(const Value& value);
state::HealthStatus read_status(const Value& value);

state::Service read_service(const Value& value);
// The service's `endpoints`: normally absent, because workloads list their services.
struct NamedEndpoint {
  Value where;  // for errors
  Name workload_uid;
  state::Membership membership;
  state::HealthStatus status = state::HealthStatus::healthy;
};
std::vector<NamedEndpoint> read_endpoints(const Value& service_value,
                                          const state::NamespacedHostname& key);

state::Policy read_policy(const Value& value);

}  // namespace culvert::control::local
