#include "authority/snapshot.hpp"

#include "authority/encode.hpp"

namespace culvert::authority {
namespace {

Result<state::Workload> completed(const state::Workload& given, const Name& trust_domain,
                                  const Name& service_account) {
  state::Workload workload = given;
  if (workload.trust_domain.empty()) workload.trust_domain = trust_domain;
  if (workload.service_account.empty()) workload.service_account = service_account;
  if (!workload.uid.empty()) return workload;
  if (workload.name.empty())
    return fail(Errc::invalid, "a workload in namespace '" + workload.namespace_.str() +
                                   "' has neither uid nor name");
  workload.uid = Name(workload.cluster_id.str() + "//Pod/" + workload.namespace_.str() + "/" +
                      workload.name.str());
  return workload;
}

// The keys by which an on-demand client may ask: network/ip, and network/ip/length for a range.
std::vector<std::string> aliases(const state::Workload& workload) {
  std::vector<std::string> names;
  // Host-network workloads share their node's address: they are never found by it.
  if (workload.network_mode == state::NetworkMode::host_network) return names;
  for (const auto& ip : workload.addresses)
    names.push_back(state::NetworkAddress{workload.network, ip}.to_string());
  return names;
}

std::vector<std::string> aliases(const state::Service& service) {
  std::vector<std::string> names;
  for (const auto& vip : service.vips) names.push_back(vip.to_string());
  for (const auto& vip : service.cidr_vips)
    names.push_back(vip.network.str() + "/" + vip.prefix.to_string());
  return names;
}

std::string resource_name(const state::Policy& policy) {
  if (!policy.resource_name.empty()) return policy.resource_name.str();
  return policy.namespace_.str() + "/" + policy.name.str();
}

Result<std::shared_ptr<const ResourceSet>> shared_set(std::vector<Resource> resources) {
  auto set = ResourceSet::make(std::move(resources));
  if (!set) return set.error();
  return std::make_shared<const ResourceSet>(std::move(*set));
}

}  // namespace

Result<SnapshotPtr> make_snapshot(const state::Update& mesh, std::string_view trust_domain) {
  auto snapshot = std::make_shared<Snapshot>();
  const Name default_domain(trust_domain);
  const Name default_account("default");
  std::vector<Resource> addresses;
  addresses.reserve(mesh.workloads.size() + mesh.services.size());
  for (const auto& given : mesh.workloads) {
    const auto workload = completed(given, default_domain, default_account);
    if (!workload) return workload.error();
    addresses.emplace_back(workload->uid.str(), aliases(*workload), encode(*workload));
    snapshot->roster.add(workload->identity(), workload->node);
  }
  for (const auto& service : mesh.services)
    addresses.emplace_back(service.key().to_string(), aliases(service), encode(service));
  std::vector<Resource> authorizations;
  authorizations.reserve(mesh.policies.size());
  for (const auto& policy : mesh.policies)
    authorizations.emplace_back(resource_name(policy), std::vector<std::string>(), encode(policy));
  auto address_set = shared_set(std::move(addresses));
  if (!address_set) return address_set.error();
  auto authorization_set = shared_set(std::move(authorizations));
  if (!authorization_set) return authorization_set.error();
  snapshot->addresses = std::move(*address_set);
  snapshot->authorizations = std::move(*authorization_set);
  return SnapshotPtr(std::move(snapshot));
}

}  // namespace culvert::authority
