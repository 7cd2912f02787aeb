// What the world knows of a pod that is proxied.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "culvert/base/name.hpp"
#include "culvert/dns/exchange.hpp"
#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"

namespace culvert::proxy {

// Who a pod says it is, as the node agent told us.
struct PodInfo {
  Name namespace_;
  Name name;
  Name service_account;
  // Whom its queries are passed on to, from its own resolv.conf; null: unknown, the node's are.
  dns::ResolversPtr resolvers = nullptr;
  // The daemon's own pod: tunnels end in it for one port, Settings::own_port. Nothing is redirected
  // there, its packets bear no mark, and nobody's address is borrowed.
  bool own = false;

  // "namespace/name", for logs.
  std::string to_string() const { return namespace_.str() + "/" + name.str(); }
  friend bool operator==(const PodInfo&, const PodInfo&) = default;
};

// Accepted sockets that are open now, by metrics::Reporter.
using SocketGauges = std::array<metrics::Gauge*, metrics::kReporters>;

// One open connection in the admin dump.
struct ConnectionInfo {
  bool inbound = false;
  std::string source;
  std::string original_destination;  // empty: unknown
  std::string actual_destination;
  std::string protocol;  // "TCP" or "HBONE"
};

}  // namespace culvert::proxy
