// The demo's network: two nodes with a pod each, joined by a wire on which everybody can listen.
//
//   pod-client -- node-a --(wire: 198.18.10.0/24)-- wire --(198.18.20.0/24)-- node-b -- pod-server
//
// All of it in network namespaces; addresses out of the benchmarking ranges 198.18.0.0/15 and
// 2001:2::/48. Pods hang on their node as in Kubernetes: a veth pair and a host route. The control
// plane runs in the wire's namespace. Beside that, a resolv.conf for each pod in /etc/netns.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"
#include "culvert/host/netns.hpp"

#include <string>
#include <utility>
#include <vector>

namespace culvert::cli::demo {

// A namespace of the demo and its addresses.
struct Place {
  std::string name;   // what the mesh calls it: "node-a", "client"
  std::string netns;  // what `ip netns` calls it
  IpAddress v4;
  IpAddress v6;
  host::Netns open;
  int fd() const { return open.fd(); }
};

// The network. Removes leftovers of an earlier run first, and itself at the end.
class Topology {
 public:
  static Result<Topology> make();
  Topology(Topology&& other) noexcept
      : places_(std::move(other.places_)), kept_(std::exchange(other.kept_, true)) {}
  Topology& operator=(Topology&&) = delete;
  ~Topology();

  // Leaves it standing.
  void keep() { kept_ = true; }
  // Ends what runs in the demo's namespaces and deletes them; fine if there is none.
  static void remove();
  // The names of those that are there.
  static std::vector<std::string> remains();

  const Place& wire() const { return places_[0]; }
  const Place& node_a() const { return places_[1]; }
  const Place& node_b() const { return places_[2]; }
  const Place& client() const { return places_[3]; }
  const Place& server() const { return places_[4]; }
  // The interface of the wire's namespace that leads to node b.
  static const char* tap() { return "to-node-b"; }

 private:
  Topology() = default;
  std::vector<Place> places_;
  bool kept_ = false;
};

}  // namespace culvert::cli::demo
