#include "state/indexes.hpp"

namespace culvert::state {

const LocalNode& View::local() const { return indexes_->local; }

WorkloadPtr View::find_workload(const Name& uid) const { return indexes_->workloads.find(uid); }

WorkloadPtr View::find_by_address(const Name& network, const IpAddress& ip) const {
  return indexes_->workloads.by_address({network, ip});
}

WorkloadPtr View::find_by_hostname(const NamespacedHostname& key) const {
  return indexes_->workloads.by_hostname(key);
}

WorkloadPtr View::local_workload(const Name& namespace_, const Name& name,
                                 const Name& service_account) const {
  return indexes_->workloads.local(namespace_, name, service_account);
}

ServicePtr View::find_service(const NamespacedHostname& key) const {
  const ServiceEntry* entry = indexes_->services.find(key);
  return entry == nullptr ? nullptr : entry->service;
}

ServicePtr View::find_service_by_vip(const Name& network, const IpAddress& ip,
                                     const Name& client_namespace) const {
  return indexes_->services.by_vip({network, ip}, client_namespace);
}

ServicePtr View::find_service_by_hostname(std::string_view hostname, const Name& client_namespace,
                                          const Name& preferred_namespace) const {
  return indexes_->services.by_hostname(hostname, {client_namespace, preferred_namespace});
}

ServicePtr View::find_addressed_service_by_hostname(std::string_view hostname,
                                                    const Name& client_namespace,
                                                    const Name& preferred_namespace) const {
  return indexes_->services.by_hostname(hostname, {client_namespace, preferred_namespace, false});
}

const EndpointSet* View::endpoints(const NamespacedHostname& key) const {
  const ServiceEntry* entry = indexes_->services.find(key);
  return entry == nullptr ? nullptr : &entry->endpoints;
}

PolicyPtr View::find_policy(const Name& resource_name) const {
  return indexes_->policies.find(resource_name);
}

const std::vector<PolicyPtr>& View::policies_of(const Name& namespace_) const {
  return indexes_->policies.of(namespace_);
}

std::vector<WorkloadPtr> View::workloads() const { return indexes_->workloads.all(); }

std::vector<PolicyPtr> View::policies() const { return indexes_->policies.all(); }

std::vector<View::ServiceDump> View::services() const {
  std::vector<ServiceDump> list;
  list.reserve(indexes_->services.size());
  indexes_->services.for_each([&](const NamespacedHostname& key, const ServiceEntry& entry) {
    list.push_back({key, entry.service, entry.endpoints.all()});
  });
  return list;
}

std::size_t View::workload_count() const { return indexes_->workloads.size(); }
std::size_t View::service_count() const { return indexes_->services.size(); }
std::size_t View::policy_count() const { return indexes_->policies.size(); }

}  // namespace culvert::state
