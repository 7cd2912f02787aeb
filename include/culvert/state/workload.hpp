// What the mesh knows about one workload (a pod, a VM, a remote gateway's stand-in). Immutable once
// it is in the Store; the names follow the control plane's Workload message.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/base/name.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace culvert::state {

// How a workload is reached: plain TCP, or HBONE to its port 15008.
enum class Protocol : std::uint8_t { tcp, hbone };
// Host-network workloads share the node's address and are never found by it.
enum class NetworkMode : std::uint8_t { standard, host_network };
enum class HealthStatus : std::uint8_t { healthy, unhealthy };
enum class WorkloadType : std::uint8_t { deployment, cronjob, pod, job };

// Lower case, as labels and the local file have them: "tcp"/"hbone", "deployment", ...
std::string_view to_string(Protocol value);
std::string_view to_string(WorkloadType value);

// An IP address inside one network; equal addresses of two networks are different hosts.
struct NetworkAddress {
  Name network;
  IpAddress ip;

  // "network/ip".
  std::string to_string() const;
  friend bool operator==(const NetworkAddress&, const NetworkAddress&) = default;
};

// The key of a service: namespace and fully qualified hostname.
struct NamespacedHostname {
  Name namespace_;
  Name hostname;

  // From "namespace/hostname": both parts non-empty, split at the first '/'. Errc::invalid
  // otherwise.
  static Result<NamespacedHostname> parse(std::string_view text);
  // "namespace/hostname".
  std::string to_string() const;
  friend bool operator==(const NamespacedHostname&, const NamespacedHostname&) = default;
};

// A reference to a waypoint or a network gateway; resolved at connection time.
struct GatewayAddress {
  std::variant<NetworkAddress, NamespacedHostname> destination;
  std::uint16_t hbone_mtls_port = 0;  // a service port when the destination is a service

  // "<destination>:<port>", for people.
  std::string to_string() const;
  friend bool operator==(const GatewayAddress&, const GatewayAddress&) = default;
};

// A small sorted map of service port to target port. Target 0 is a named port: the endpoint says.
class PortMap {
 public:
  using Entry = std::pair<std::uint16_t, std::uint16_t>;

  PortMap() = default;
  PortMap(std::initializer_list<Entry> entries);
  // Adds or replaces.
  void set(std::uint16_t service_port, std::uint16_t target_port);
  // The target, or nothing when the port is not there.
  std::optional<std::uint16_t> find(std::uint16_t service_port) const;
  bool contains(std::uint16_t service_port) const { return find(service_port).has_value(); }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // By ascending service port.
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  friend bool operator==(const PortMap&, const PortMap&) = default;

 private:
  std::vector<Entry> entries_;
};

// A workload's membership in a service; `ports` override the service's own target ports.
struct Membership {
  NamespacedHostname service;
  PortMap ports;
  friend bool operator==(const Membership&, const Membership&) = default;
};

// Where HBONE traffic for the workload is handed on, when not at the port that was asked for.
struct ApplicationTunnel {
  enum class Protocol : std::uint8_t { none, proxy };  // proxy: a PROXY v2 header goes first
  Protocol protocol = Protocol::none;
  std::uint16_t port = 0;  // 0: the port that was asked for
  friend bool operator==(const ApplicationTunnel&, const ApplicationTunnel&) = default;
};

struct Locality {
  Name region;
  Name zone;
  Name subzone;
  bool empty() const { return region.empty() && zone.empty() && subzone.empty(); }
  friend bool operator==(const Locality&, const Locality&) = default;
};

// One workload. A plain value; the converter that makes one fills in the defaults of its source
// (the control plane's are trust domain cluster.local, service account default, cluster
// Kubernetes).
struct Workload {
  Name uid;  // primary key and resource name, e.g. "cluster//Pod/ns/name"
  Name name;
  Name namespace_;
  std::vector<IpAddress> addresses;
  Name hostname;  // resolved on demand when there are no addresses
  Name network;
  Protocol protocol = Protocol::tcp;
  NetworkMode network_mode = NetworkMode::standard;
  HealthStatus status = HealthStatus::healthy;
  WorkloadType workload_type = WorkloadType::deployment;
  bool native_tunnel = false;  // terminates HBONE itself
  std::uint32_t capacity = 1;  // load-balancing weight; 0 is never chosen
  Name trust_domain;
  Name service_account;
  Name node;
  Name cluster_id;
  Name workload_name;
  Name canonical_name;
  Name canonical_revision;
  Locality locality;
  std::optional<GatewayAddress> waypoint;
  std::optional<GatewayAddress> network_gateway;
  std::optional<ApplicationTunnel> application_tunnel;
  std::vector<Membership> services;
  std::vector<Name> authorization_policies;  // resource names, "ns/name"

  // The SPIFFE identity that the workload proves.
  Identity identity() const { return {trust_domain, namespace_, service_account}; }
  // True when `ip` is one of its addresses.
  bool has_address(const IpAddress& ip) const;
  // Its entry for `service`, or null; lives as long as the workload.
  const Membership* membership(const NamespacedHostname& service) const;
  friend bool operator==(const Workload&, const Workload&) = default;
};

// Shared and never changed again: an update of the mesh replaces it.
using WorkloadPtr = std::shared_ptr<const Workload>;

}  // namespace culvert::state

template <>
struct std::hash<culvert::state::NamespacedHostname> {
  std::size_t operator()(const culvert::state::NamespacedHostname& key) const noexcept {
    return key.namespace_.hash() * 31 + key.hostname.hash();
  }
};
template <>
struct std::hash<culvert::state::NetworkAddress> {
  std::size_t operator()(const culvert::state::NetworkAddress& key) const noexcept {
    return key.network.hash() * 31 + std::hash<culvert::IpAddress>{}(key.ip);
  }
};
