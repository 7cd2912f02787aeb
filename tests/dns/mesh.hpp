// A small mesh that is asked for names.
#pragma once

#include "culvert/dns/resolve.hpp"

#include "dns/wire_text.hpp"
#include "state/mesh.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::dns::test {

using state::Service;
using state::Workload;
using Texts = std::vector<std::string>;

// A service of Kubernetes: "<name>.<namespace>.svc.cluster.local".
inline Service kube(std::string_view namespace_, std::string_view name,
                    const std::vector<std::string_view>& vips) {
  Service s = state::test::service(namespace_, name, vips);
  s.hostname = Name(std::string(name) + "." + std::string(namespace_) + ".svc.cluster.local");
  return s;
}
inline std::string key_of(const Service& s) { return s.key().to_string(); }

// A mesh and the pod in it that asks.
class Asker {
 public:
  explicit Asker(std::string_view namespace_ = "shop")
      : client(state::test::pod(namespace_, "client", {"10.1.0.9"})) {}

  Resolution resolve(const std::string& name, std::uint16_t type = kTypeA,
                     Transport transport = Transport::udp) {
    query = query_of({.name = name, .type = type, .payload = payload});
    return dns::resolve(mesh.store.view(), client, query, transport, settings, random);
  }
  // Addresses in order of their text, or the outcome's name where there are none.
  Texts ask(const std::string& name, std::uint16_t type = kTypeA) {
    const Resolution result = resolve(name, type);
    Texts out;
    for (const IpAddress& ip : result.records.addresses) out.push_back(ip.to_string());
    std::sort(out.begin(), out.end());
    if (out.empty()) out.emplace_back(to_string(result.outcome));
    return out;
  }
  // The name of an alias, empty without one.
  std::string alias(const std::string& name) { return resolve(name).records.owner; }

  state::test::Mesh mesh;
  Workload client;
  ResolveSettings settings;
  Random random{1};
  Query query;
  std::uint16_t payload = 0;
};

inline const Texts kForwarded{"forwarded"};
inline const Texts kNoRecords{"no records"};
inline const Texts kUnsupported{"service does not support this record type"};

}  // namespace culvert::dns::test
