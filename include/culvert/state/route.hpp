// Where an outbound connection goes and why: a pure function of the state, shared by the data path,
// the access log and `culvertctl explain`.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/state/ports.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::state {

// One connection that a local workload opens.
struct OutboundRequest {
  WorkloadPtr source;                             // the local workload; never null
  SocketAddress destination;                      // what the application asked for, canonical
  const InternalPorts* internal_ports = nullptr;  // outlives the call; never null
  std::uint16_t hbone_port = 15008;               // where workloads listen for HBONE
};

// Why a decision is as it is. Stable names: to_string().
enum class Reason : std::uint8_t {
  unknown_destination,     // pass_through: the mesh does not know the address
  passthrough_service,     // pass_through: a service that asks for no balancing
  direct,                  // tcp, hbone: to a workload
  waypoint_of_service,     // hbone: to the service's waypoint
  waypoint_of_workload,    // hbone: to the workload's waypoint
  recursive_call,          // refuse: loopback and one of our own ports
  no_healthy_upstream,     // refuse: a known service without a usable endpoint or port
  unknown_waypoint,        // refuse: the waypoint reference leads nowhere
  no_usable_address,       // refuse: a workload without address of an allowed family
  cross_network,           // refuse: in another network; double HBONE is not there yet
  no_routing_destination,  // refuse: in another network and no gateway to it
};
std::string_view to_string(Reason reason);

struct OutboundDecision {
  enum class Kind : std::uint8_t {
    pass_through,  // plain TCP to the address asked for
    tcp,           // plain TCP to `dial`
    hbone,         // a CONNECT for `authority` in a tunnel to `dial`
    resolve,       // first look up `hostname`, then with_address()
    refuse,        // close; nothing is ever sent in plaintext instead
  };

  Kind kind = Kind::refuse;
  Reason reason = Reason::unknown_destination;
  SocketAddress dial;              // all but refuse: where the TCP connection goes
  Name hostname;                   // resolve only: of the workload, which has no usable address
  std::string authority;           // hbone only: "ip:port"
  std::vector<Identity> expected;  // hbone only: identities of which the peer must prove one
  // Who is at `dial`, the waypoint where there is one; null when unknown.
  WorkloadPtr destination;
  // The service that the application meant; null when it meant none.
  ServicePtr service;
  // What the connection is for: the endpoint's own address and port when the mesh delivers it
  // directly (equal to `dial` for tcp), else the address asked for.
  SocketAddress target;

  // One sentence for people: what was decided and why. Allocates; for logs of failures and
  // `explain`.
  std::string explain() const;
};
std::string_view to_string(OutboundDecision::Kind kind);

// A decision of kind `resolve` once the workload's hostname has turned out to be `ip`: tcp or
// hbone, with the same workload, reason and identities.
OutboundDecision with_address(OutboundDecision decision, const IpAddress& ip);

// Decides. No I/O, no clock; chance comes from `random` (one draw a weighted choice or a few).
// Behaviour: original destination, then service by virtual address (waypoint, balancing), then
// workload by address (waypoint, direct), else pass-through.
OutboundDecision decide_outbound(const View& view, const OutboundRequest& request, Random& random);

}  // namespace culvert::state
