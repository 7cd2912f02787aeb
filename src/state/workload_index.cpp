#include "state/workload_index.hpp"

#include <algorithm>

namespace culvert::state {

namespace {

// How good a claim to an address is (behaviour of the reference ztunnel): an HBONE pod beats a pod
// beats anything with HBONE beats the rest.
int claim_rank(const Workload& workload) {
  const bool pod = workload.uid.view().find("//Pod/") != std::string_view::npos;
  const bool hbone = workload.protocol == Protocol::hbone;
  return (pod ? 2 : 0) + (hbone ? 1 : 0);
}

void erase_from(std::vector<WorkloadPtr>& list, const WorkloadPtr& workload) {
  list.erase(std::remove(list.begin(), list.end(), workload), list.end());
}

}  // namespace

std::size_t WorkloadIndex::insert(const WorkloadPtr& workload) {
  std::size_t touched = 1;
  by_uid_[workload->uid] = workload;
  if (workload->network_mode != NetworkMode::host_network) {
    for (const IpAddress& ip : workload->addresses) {
      Claimants& claimants = by_address_[{workload->network, ip}];
      // Behind its equals: the last inserted wins among them.
      const auto better = [](const WorkloadPtr& a, const WorkloadPtr& b) {
        return claim_rank(*a) < claim_rank(*b);
      };
      claimants.insert(std::upper_bound(claimants.begin(), claimants.end(), workload, better),
                       workload);
      ++touched;
    }
  }
  if (!workload->hostname.empty()) {
    by_hostname_[{workload->namespace_, workload->hostname}].push_back(workload);
    ++touched;
  }
  if (is_local(*workload)) {
    local_[{workload->namespace_, workload->service_account}].push_back(workload);
    ++touched;
  }
  return touched;
}

std::size_t WorkloadIndex::erase(const WorkloadPtr& workload) {
  std::size_t touched = 1;
  for (const IpAddress& ip : workload->addresses) {
    const NetworkAddress key{workload->network, ip};
    Claimants* claimants = by_address_.find(key);
    if (claimants == nullptr) continue;
    erase_from(*claimants, workload);
    if (claimants->empty()) by_address_.erase(key);
    ++touched;
  }
  if (!workload->hostname.empty()) {
    const NamespacedHostname key{workload->namespace_, workload->hostname};
    auto& list = by_hostname_[key];
    erase_from(list, workload);
    if (list.empty()) by_hostname_.erase(key);
    ++touched;
  }
  if (is_local(*workload)) {
    const auto at = local_.find({workload->namespace_, workload->service_account});
    erase_from(at->second, workload);
    if (at->second.empty()) local_.erase(at);
    ++touched;
  }
  by_uid_.erase(workload->uid);
  return touched;
}

WorkloadPtr WorkloadIndex::find(const Name& uid) const {
  const WorkloadPtr* found = by_uid_.find(uid);
  return found == nullptr ? nullptr : *found;
}

WorkloadPtr WorkloadIndex::by_address(const NetworkAddress& address) const {
  const Claimants* claimants = by_address_.find(address);
  return claimants == nullptr ? nullptr : claimants->back();
}

WorkloadPtr WorkloadIndex::by_hostname(const NamespacedHostname& key) const {
  const auto* list = by_hostname_.find(key);
  return list == nullptr ? nullptr : list->back();
}

WorkloadPtr WorkloadIndex::local(const Name& namespace_, const Name& name,
                                 const Name& service_account) const {
  const auto list = local_.find({namespace_, service_account});
  if (list == local_.end()) return nullptr;
  const auto found = std::find_if(list->second.begin(), list->second.end(),
                                  [&](const WorkloadPtr& w) { return w->name == name; });
  return found == list->second.end() ? nullptr : *found;
}

std::vector<WorkloadPtr> WorkloadIndex::all() const {
  std::vector<WorkloadPtr> copy;
  copy.reserve(size());
  by_uid_.for_each([&](const Name&, const WorkloadPtr& w) { copy.push_back(w); });
  return copy;
}

}  // namespace culvert::state
