// All that the mesh knows, indexed for lookup at connection time. One writer (the control thread),
// many readers (the workers). An update costs what changed, never what is held: 100,000 workloads
// and 10,000 services are a normal mesh.
#pragma once

#include "culvert/state/endpoints.hpp"
#include "culvert/state/policy.hpp"
#include "culvert/state/service.hpp"
#include "culvert/state/workload.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::state {

// Who we are. Constant for the life of the process.
struct LocalNode {
  Name node;     // empty: every workload counts as local
  Name network;  // the network of this node
  Name cluster_id;
};

// A batch of changes. What is inserted replaces what has the same key (uid, namespace/hostname,
// resource name). Within a batch insertion beats removal of the same key.
struct Update {
  std::vector<Workload> workloads;
  std::vector<Service> services;
  std::vector<Policy> policies;
  std::vector<std::string> removed_addresses;  // uids, or "namespace/hostname" of services
  std::vector<std::string> removed_policies;   // resource names

  bool empty() const {
    return workloads.empty() && services.empty() && policies.empty() && removed_addresses.empty() &&
           removed_policies.empty();
  }
};

// Subject names of a new or changed service that are no SPIFFE IDs: no mesh peer can prove one.
struct UnusableNames {
  NamespacedHostname service;
  std::vector<std::string> names;  // never empty, as received
};

// What an apply() changed, for listeners. Records equal to what was held count as no change.
struct Changes {
  bool workloads = false;
  bool services = false;
  bool policies = false;
  // A workload of this node appeared, changed (its policy list, too) or vanished: whoever waits for
  // one looks again, and live connections to it are authorized again.
  bool local_workloads = false;
  // Identities of this node's workloads that speak HBONE, by proxy or natively, of which there was
  // none before: for fetching certificates ahead. Always empty when the node has no name: nobody
  // fetches the certificates of a whole mesh.
  std::vector<Identity> identities_added;
  // Identities that no workload of this node has any more, whatever it spoke: for dropping
  // certificates, also those that were fetched on demand.
  std::vector<Identity> identities_removed;
  // For a warning.
  std::vector<UnusableNames> unusable_names;

  bool any() const { return workloads || services || policies; }
};

struct Indexes;         // the Store's tables, src/state/indexes.hpp
class LocalIdentities;  // src/state/local_identities.hpp

// A consistent look at the store: holds its lock shared, so the writer waits while one lives. Make
// one for a decision and drop it; never keep it across a suspension or while formatting a dump.
// What it returns by shared pointer may be kept for as long as wanted.
class View {
 public:
  View(View&&) = default;
  View& operator=(View&&) = default;

  const LocalNode& local() const;

  WorkloadPtr find_workload(const Name& uid) const;
  // The workload with that address; host-network ones are never found. Where several claim one
  // address: HBONE pods, then pods, then HBONE, then the rest; the last inserted among equals.
  WorkloadPtr find_by_address(const Name& network, const IpAddress& ip) const;
  // Any workload with that namespace and hostname.
  WorkloadPtr find_by_hostname(const NamespacedHostname& key) const;
  // This node's workload with exactly these three, or null.
  WorkloadPtr local_workload(const Name& namespace_, const Name& name,
                             const Name& service_account) const;

  // The service with exactly that key.
  ServicePtr find_service(const NamespacedHostname& key) const;
  // The service with that virtual address, as seen from `client_namespace` (empty: no filter by
  // visibility, no preference): own namespace, then a canonical one, then the first seen; ranges
  // only where no visible exact address is, and there own namespace, then the longest prefix.
  ServicePtr find_service_by_vip(const Name& network, const IpAddress& ip,
                                 const Name& client_namespace) const;
  // Likewise by hostname, given in lower case without a final dot; services' own are compared in
  // that form. `preferred_namespace` ranks between canonical and first seen. Interns nothing.
  ServicePtr find_service_by_hostname(std::string_view hostname, const Name& client_namespace,
                                      const Name& preferred_namespace = {}) const;
  // Likewise, but services without a single virtual address do not exist; ranges do not count.
  ServicePtr find_addressed_service_by_hostname(std::string_view hostname,
                                                const Name& client_namespace,
                                                const Name& preferred_namespace = {}) const;
  // The endpoints of a service; never null for a service of this view. Valid while the view lives.
  const EndpointSet* endpoints(const NamespacedHostname& key) const;

  PolicyPtr find_policy(const Name& resource_name) const;
  // Policies of scope namespace in `namespace_`, or those of scope global for the empty name.
  // Valid while the view lives.
  const std::vector<PolicyPtr>& policies_of(const Name& namespace_) const;

  // Copies of what is held, for dumps: take these, drop the view, then format. Unordered.
  std::vector<WorkloadPtr> workloads() const;
  std::vector<PolicyPtr> policies() const;
  struct ServiceDump {
    NamespacedHostname key;
    ServicePtr service;  // null: endpoints staged for a service that has not arrived
    std::vector<Endpoint> endpoints;
  };
  std::vector<ServiceDump> services() const;
  std::size_t workload_count() const;
  std::size_t service_count() const;
  std::size_t policy_count() const;

 private:
  friend class Store;
  View(const Indexes& indexes, std::shared_mutex& mutex) : lock_(mutex), indexes_(&indexes) {}
  std::shared_lock<std::shared_mutex> lock_;
  const Indexes* indexes_;  // the Store's, which outlives every view
};

class Store {
 public:
  explicit Store(LocalNode local);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Applies a batch and calls the listeners. Control thread only. Readers are let in between slices
  // of the batch; one record is always replaced whole. Order: policies, workloads, services, then
  // removals of services, workloads, policies, so that what replaces something is there before the
  // old goes away.
  void apply(Update update);
  // Called on the control thread after each apply() that changed something; add before the first.
  void add_listener(std::function<void(const Changes&)> listener);

  // Any thread.
  View view() const;
  // Grows whenever a reader may see something new. Any thread, no lock.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  const LocalNode& local() const;
  // How many index entries apply() has touched so far: its cost in a unit that tests can bound.
  // Control thread only.
  std::uint64_t operations() const { return operations_; }
  // Identities in the sense of Changes::identities_added that exist now. Control thread only.
  std::vector<Identity> local_identities() const;

 private:
  class Writer;

  mutable std::shared_mutex mutex_;
  std::unique_ptr<Indexes> indexes_;  // written under mutex_, by the control thread only
  std::atomic<std::uint64_t> generation_{0};
  // control thread only
  std::vector<std::function<void(const Changes&)>> listeners_;
  std::unique_ptr<LocalIdentities> identities_;
  std::uint64_t operations_ = 0;
};

}  // namespace culvert::state
