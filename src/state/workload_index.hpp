// The tables of workloads: by uid, address, hostname, and for this node by identity.
#pragma once

#include "culvert/state/store.hpp"
#include "state/sharded_map.hpp"

#include <vector>

namespace culvert::state {

// Guarded by the Store's lock. Every function that changes something returns how many entries it
// touched.
class WorkloadIndex {
 public:
  // `node` empty: every workload is local.
  explicit WorkloadIndex(Name node) : node_(std::move(node)) {}

  // There must be none of that uid.
  std::size_t insert(const WorkloadPtr& workload);
  // It must have been inserted.
  std::size_t erase(const WorkloadPtr& workload);

  bool is_local(const Workload& workload) const { return node_.empty() || workload.node == node_; }
  WorkloadPtr find(const Name& uid) const;
  WorkloadPtr by_address(const NetworkAddress& address) const;
  WorkloadPtr by_hostname(const NamespacedHostname& key) const;
  WorkloadPtr local(const Name& namespace_, const Name& name, const Name& service_account) const;
  std::size_t size() const { return by_uid_.size(); }
  std::vector<WorkloadPtr> all() const;

 private:
  // Workloads that claim one address: best last. One in all normal cases.
  using Claimants = std::vector<WorkloadPtr>;
  struct AccountKey {
    Name namespace_;
    Name service_account;
    friend bool operator==(const AccountKey&, const AccountKey&) = default;
  };
  struct AccountHash {
    std::size_t operator()(const AccountKey& k) const noexcept {
      return k.namespace_.hash() * 31 + k.service_account.hash();
    }
  };

  Name node_;  // constant
  ShardedMap<Name, WorkloadPtr> by_uid_;
  ShardedMap<NetworkAddress, Claimants> by_address_;
  ShardedMap<NamespacedHostname, std::vector<WorkloadPtr>> by_hostname_;
  std::unordered_map<AccountKey, std::vector<WorkloadPtr>, AccountHash> local_;
};

}  // namespace culvert::state
