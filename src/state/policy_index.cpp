#include "state/policy_index.hpp"

#include <algorithm>

namespace culvert::state {

namespace {
// The namespace of the table that a self-applying policy is in.
Name table_of(const Policy& policy) {
  return policy.scope == Policy::Scope::global ? Name() : policy.namespace_;
}
}  // namespace

void PolicyIndex::put(const PolicyPtr& policy) {
  erase(policy->resource_name);
  by_name_.emplace(policy->resource_name, policy);
  if (policy->scope == Policy::Scope::workload_selector) return;
  by_namespace_[table_of(*policy)].push_back(policy);
}

void PolicyIndex::erase(const Name& resource_name) {
  const auto found = by_name_.find(resource_name);
  if (found == by_name_.end()) return;
  const PolicyPtr policy = found->second;
  by_name_.erase(found);
  const auto table = by_namespace_.find(table_of(*policy));
  if (table == by_namespace_.end()) return;
  auto& list = table->second;
  list.erase(std::remove(list.begin(), list.end(), policy), list.end());
  if (list.empty()) by_namespace_.erase(table);
}

PolicyPtr PolicyIndex::find(const Name& resource_name) const {
  const auto found = by_name_.find(resource_name);
  return found == by_name_.end() ? nullptr : found->second;
}

const std::vector<PolicyPtr>& PolicyIndex::of(const Name& namespace_) const {
  static const std::vector<PolicyPtr> kNone;
  const auto found = by_namespace_.find(namespace_);
  return found == by_namespace_.end() ? kNone : found->second;
}

std::vector<PolicyPtr> PolicyIndex::all() const {
  std::vector<PolicyPtr> copy;
  copy.reserve(by_name_.size());
  for (const auto& [name, policy] : by_name_) copy.push_back(policy);
  return copy;
}

}  // namespace culvert::state
