// What the proxy of a pod is told. Constant after start.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "culvert/base/address.hpp"
#include "culvert/base/name.hpp"
#include "culvert/base/time.hpp"
#include "culvert/dns/resolve.hpp"
#include "culvert/net/socket.hpp"
#include "culvert/state/inbound.hpp"
#include "culvert/state/ports.hpp"

namespace culvert::proxy {

// Whether applications see the client's own address as their peer.
enum class OriginalSource : std::uint8_t {
  automatic,  // where the kernel lets us
  required,   // failing to is an error
  off,
};

// Where pods' DNS queries are answered, and how.
struct DnsSettings {
  std::uint16_t port = 15053;            // on the loopback addresses that the pod has
  std::optional<SocketAddress> address;  // here instead, only for the pod's own addresses
  dns::ResolveSettings resolve;
};

struct Settings {
  std::uint16_t outbound_port = 15001;           // redirected connections of the pod
  std::uint16_t inbound_plaintext_port = 15006;  // redirected connections to the pod
  std::uint16_t inbound_port = 15008;            // HBONE from peers
  std::uint16_t own_port = 15020;                // all that peers reach of ourselves: metrics
  state::InboundSettings inbound;                // rules for CONNECT targets
  OriginalSource original_source = OriginalSource::automatic;
  bool ipv6 = true;
  bool reuse_port = true;
  bool response_baggage = true;    // baggage in answers, and use of the requests' own
  bool policy_info_log = false;    // policy decisions at info instead of debug
  std::optional<DnsSettings> dns;  // absent: pods' queries are not for us
  Name network;                    // of this node
  net::SocketOptions socket;       // mark and keepalive of all sockets in pods
  Duration connect_timeout = std::chrono::seconds(10);
  // How long a connection waits for its pod to become known to the mesh.
  Duration workload_timeout = std::chrono::seconds(5);
  // Handshakes in progress for one pod on one worker, so that one pod's callers cannot starve the
  // node: see Handshakes.
  std::size_t max_handshakes = 512;
};

}  // namespace culvert::proxy
