// The tables of services and their endpoints: by key, virtual address, address range, hostname.
#pragma once

#include "culvert/state/store.hpp"
#include "state/sharded_map.hpp"

#include <map>
#include <unordered_map>
#include <vector>

namespace culvert::state {

// One service and its endpoints. Without a service the endpoints are staged: workloads may arrive
// before the service that they name.
struct ServiceEntry {
  ServicePtr service;
  EndpointSet endpoints;
};

// Guarded by the Store's lock. Every function that changes something returns how many entries it
// touched.
class ServiceIndex {
 public:
  // Adds or replaces; endpoints stay.
  std::size_t put(const ServicePtr& service);
  // Its endpoints become staged.
  std::size_t erase(const NamespacedHostname& key);
  // Adds or replaces the workload in every service that it lists.
  std::size_t add_endpoints(const WorkloadPtr& workload);
  // Removes it from those that `before` lists and `after` (may be null) does not.
  std::size_t remove_endpoints(const Workload& before, const Workload* after);

  const ServiceEntry* find(const NamespacedHostname& key) const { return entries_.find(key); }
  ServicePtr by_vip(const NetworkAddress& address, const Name& client_namespace) const;
  // Whom a hostname means, seen from where.
  struct HostnameLookUp {
    const Name& client_namespace;
    const Name& preferred_namespace;
    bool without_address = true;  // services without a single virtual address count, too
  };
  // `hostname` in lower case, without a final dot.
  ServicePtr by_hostname(std::string_view hostname, const HostnameLookUp& look_up) const;
  // Services, without those that exist as staged endpoints only.
  std::size_t size() const { return services_; }
  template <class F>
  void for_each(F f) const {
    entries_.for_each(f);
  }

 private:
  // In order of arrival, but those of one namespace side by side, newest first: of two services of
  // one namespace only the newest counts.
  using Candidates = std::vector<const ServiceEntry*>;
  struct PrefixHash {
    std::size_t operator()(const CidrVip& v) const noexcept {
      return v.network.hash() * 31 + std::hash<IpAddress>{}(v.prefix.base()) * 31 +
             v.prefix.length();
    }
  };
  // Hostnames are found by text, so that what strangers ask for needs no Name.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
    std::size_t operator()(const Name& name) const { return (*this)(name.view()); }
  };
  struct TextEqual {
    using is_transparent = void;
    bool operator()(const Name& a, const Name& b) const { return a == b; }
    bool operator()(const Name& a, std::string_view b) const { return a.view() == b; }
    bool operator()(std::string_view a, const Name& b) const { return a == b.view(); }
  };

  static void add(Candidates& list, const ServiceEntry* entry);
  static ServicePtr choose(const Candidates& list, const HostnameLookUp& look_up);
  ServicePtr by_range(const NetworkAddress& address, const Name& client_namespace) const;
  std::size_t add_names(const ServiceEntry& entry);
  std::size_t remove_names(const Service& before, const Service* after, const ServiceEntry& entry);
  void remove_range(const CidrVip& range, const ServiceEntry* entry);

  ShardedMap<NamespacedHostname, ServiceEntry> entries_;
  ShardedMap<NetworkAddress, Candidates> by_vip_;
  ShardedMap<Name, Candidates, TextHash, TextEqual> by_hostname_;  // normal_hostname()
  std::unordered_map<CidrVip, Candidates, PrefixHash> by_range_;
  // Prefix lengths in use and by how many ranges, IPv4 and IPv6: a lookup probes only these.
  std::map<unsigned, std::size_t> lengths_[2];
  std::size_t services_ = 0;
};

}  // namespace culvert::state
