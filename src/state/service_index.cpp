#include "state/service_index.hpp"

#include <algorithm>
#include <tuple>

namespace culvert::state {

namespace {

bool visible(const Service& service, const Name& client_namespace) {
  return client_namespace.empty() || service.visibility == Visibility::public_ ||
         service.namespace_ == client_namespace;
}

Name hostname_key(const Service& service) { return Name(normal_hostname(service.hostname.view())); }

template <class T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Drops `entry` from the list of `key`, and the list when it was the last.
template <class Map, class Key>
void remove_from(Map& map, const Key& key, const ServiceEntry* entry) {
  auto* list = map.find(key);
  if (list == nullptr) return;
  list->erase(std::remove(list->begin(), list->end(), entry), list->end());
  if (list->empty()) map.erase(key);
}

}  // namespace

void ServiceIndex::add(Candidates& list, const ServiceEntry* entry) {
  if (contains(list, entry)) return;
  const auto same = std::find_if(list.begin(), list.end(), [&](const ServiceEntry* other) {
    return other->service->namespace_ == entry->service->namespace_;
  });
  list.insert(same, entry);
}

std::size_t ServiceIndex::put(const ServicePtr& service) {
  ServiceEntry& entry = entries_[service->key()];
  std::size_t touched = 1;
  if (entry.service == nullptr) {
    ++services_;
  } else {
    touched += remove_names(*entry.service, service.get(), entry);
  }
  entry.service = service;
  touched += add_names(entry);
  entry.endpoints.allow_unhealthy(service->allows_unhealthy());
  return touched;
}

std::size_t ServiceIndex::erase(const NamespacedHostname& key) {
  ServiceEntry* entry = entries_.find(key);
  if (entry == nullptr || entry->service == nullptr) return 0;
  const std::size_t touched = 1 + remove_names(*entry->service, nullptr, *entry);
  entry->service = nullptr;
  --services_;
  if (entry->endpoints.empty()) entries_.erase(key);
  return touched;
}

std::size_t ServiceIndex::add_names(const ServiceEntry& entry) {
  const Service& service = *entry.service;
  for (const NetworkAddress& vip : service.vips) add(by_vip_[vip], &entry);
  for (const CidrVip& range : service.cidr_vips) {
    Candidates& list = by_range_[range];
    if (list.empty()) ++lengths_[range.prefix.base().is_v4() ? 0 : 1][range.prefix.length()];
    add(list, &entry);
  }
  add(by_hostname_[hostname_key(service)], &entry);
  return service.vips.size() + service.cidr_vips.size() + 1;
}

std::size_t ServiceIndex::remove_names(const Service& before, const Service* after,
                                       const ServiceEntry& entry) {
  for (const NetworkAddress& vip : before.vips) {
    if (after == nullptr || !contains(after->vips, vip)) remove_from(by_vip_, vip, &entry);
  }
  for (const CidrVip& range : before.cidr_vips) {
    if (after == nullptr || !contains(after->cidr_vips, range)) remove_range(range, &entry);
  }
  if (after == nullptr) remove_from(by_hostname_, hostname_key(before), &entry);
  return before.vips.size() + before.cidr_vips.size() + 1;
}

void ServiceIndex::remove_range(const CidrVip& range, const ServiceEntry* entry) {
  const auto found = by_range_.find(range);
  if (found == by_range_.end()) return;
  Candidates& list = found->second;
  list.erase(std::remove(list.begin(), list.end(), entry), list.end());
  if (!list.empty()) return;
  by_range_.erase(found);
  auto& lengths = lengths_[range.prefix.base().is_v4() ? 0 : 1];
  const auto length = lengths.find(range.prefix.length());
  if (--length->second == 0) lengths.erase(length);
}

std::size_t ServiceIndex::add_endpoints(const WorkloadPtr& workload) {
  for (const Membership& membership : workload->services) {
    entries_[membership.service].endpoints.put(workload, &membership.ports);
  }
  return workload->services.size();
}

std::size_t ServiceIndex::remove_endpoints(const Workload& before, const Workload* after) {
  for (const Membership& membership : before.services) {
    if (after != nullptr && after->membership(membership.service) != nullptr) continue;
    ServiceEntry* entry = entries_.find(membership.service);
    if (entry == nullptr) continue;
    entry->endpoints.remove(before.uid);
    if (entry->service == nullptr && entry->endpoints.empty()) entries_.erase(membership.service);
  }
  return before.services.size();
}

// Own namespace, else the last canonical one, else the preferred namespace, else the first.
ServicePtr ServiceIndex::choose(const Candidates& list, const HostnameLookUp& look_up) {
  const auto& [client_namespace, preferred_namespace, without_address] = look_up;
  const ServiceEntry* canonical = nullptr;
  const ServiceEntry* preferred = nullptr;
  const ServiceEntry* first = nullptr;
  const Service* previous = nullptr;
  for (const ServiceEntry* entry : list) {
    const Service& service = *entry->service;
    if (!without_address && service.vips.empty()) continue;
    const bool superseded = previous != nullptr && previous->namespace_ == service.namespace_;
    previous = &service;
    if (superseded || !visible(service, client_namespace)) continue;
    if (!client_namespace.empty() && service.namespace_ == client_namespace) return entry->service;
    if (service.canonical) canonical = entry;
    if (!preferred_namespace.empty() && service.namespace_ == preferred_namespace)
      preferred = entry;
    if (first == nullptr) first = entry;
  }
  if (canonical != nullptr) return canonical->service;
  if (preferred != nullptr) return preferred->service;
  return first == nullptr ? nullptr : first->service;
}

ServicePtr ServiceIndex::by_vip(const NetworkAddress& address, const Name& client_namespace) const {
  if (const Candidates* list = by_vip_.find(address); list != nullptr) {
    if (ServicePtr service = choose(*list, {client_namespace, Name()}); service != nullptr)
      return service;
  }
  return by_range(address, client_namespace);
}

ServicePtr ServiceIndex::by_range(const NetworkAddress& address,
                                  const Name& client_namespace) const {
  using Rank = std::tuple<bool, unsigned, bool>;  // in client namespace, prefix length, canonical
  ServicePtr best;
  Rank best_rank;
  for (const auto& [length, count] : lengths_[address.ip.is_v4() ? 0 : 1]) {
    const auto prefix = IpPrefix::make(address.ip, length);
    if (!prefix) continue;
    const auto found = by_range_.find(CidrVip{address.network, *prefix});
    if (found == by_range_.end()) continue;
    for (const ServiceEntry* entry : found->second) {
      const Service& service = *entry->service;
      if (!visible(service, client_namespace)) continue;
      const bool own = !client_namespace.empty() && service.namespace_ == client_namespace;
      const Rank rank{own, length, service.canonical};
      if (best != nullptr && rank <= best_rank) continue;
      best = entry->service;
      best_rank = rank;
    }
  }
  return best;
}

ServicePtr ServiceIndex::by_hostname(std::string_view hostname,
                                     const HostnameLookUp& look_up) const {
  const Candidates* list = by_hostname_.find(hostname);
  return list == nullptr ? nullptr : choose(*list, look_up);
}

}  // namespace culvert::state
