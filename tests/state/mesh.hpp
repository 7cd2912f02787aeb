// Short ways to write down a small mesh in a test.
#pragma once

#include "culvert/state/store.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::state::test {

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
inline SocketAddress at(std::string_view text) { return SocketAddress::parse(text).value(); }
inline NetworkAddress vip(std::string_view address, std::string_view network = "") {
  return {Name(network), ip(address)};
}
inline CidrVip range(std::string_view prefix) { return {Name(), IpPrefix::parse(prefix).value()}; }
inline NamespacedHostname key(std::string_view text) {
  return NamespacedHostname::parse(text).value();
}

// An HBONE pod "c1//Pod/<ns>/<name>" on node-a with service account <name> in trust domain td.
inline Workload pod(std::string_view namespace_, std::string_view name,
                    const std::vector<std::string_view>& addresses) {
  Workload w;
  w.uid = Name("c1//Pod/" + std::string(namespace_) + "/" + std::string(name));
  w.name = Name(name);
  w.namespace_ = Name(namespace_);
  w.service_account = Name(name);
  w.trust_domain = Name("td");
  w.node = Name("node-a");
  w.protocol = Protocol::hbone;
  for (const auto address : addresses) w.addresses.push_back(ip(address));
  return w;
}

// A service "<ns>/<name>" with hostname <name>; 80 goes to 8080.
inline Service service(std::string_view namespace_, std::string_view name,
                       const std::vector<std::string_view>& vips) {
  Service s;
  s.name = Name(name);
  s.namespace_ = Name(namespace_);
  s.hostname = Name(name);
  s.ports = {{80, 8080}};
  for (const auto address : vips) s.vips.push_back(vip(address));
  return s;
}

inline Workload in(Workload workload, std::string_view service_key, PortMap ports = {}) {
  workload.services.push_back({key(service_key), std::move(ports)});
  return workload;
}

inline GatewayAddress gateway(std::string_view address, std::uint16_t port = 15008) {
  return {vip(address), port};
}
inline GatewayAddress gateway_by_name(std::string_view service_key, std::uint16_t port = 15008) {
  return {key(service_key), port};
}

// A store with a batch in it, on node-a.
class Mesh {
 public:
  explicit Mesh(Update update = {}) { store.apply(std::move(update)); }
  void add(Workload w) {
    apply([&](Update& u) { u.workloads.push_back(std::move(w)); });
  }
  void add(Service s) {
    apply([&](Update& u) { u.services.push_back(std::move(s)); });
  }
  void add(Policy p) {
    apply([&](Update& u) { u.policies.push_back(std::move(p)); });
  }
  void remove(std::string address) {
    apply([&](Update& u) { u.removed_addresses.push_back(std::move(address)); });
  }
  WorkloadPtr workload(std::string_view uid) const { return store.view().find_workload(Name(uid)); }

  Store store{LocalNode{Name("node-a"), Name(), Name("Kubernetes")}};

 private:
  template <class F>
  void apply(F fill) {
    Update update;
    fill(update);
    store.apply(std::move(update));
  }
};

}  // namespace culvert::state::test
