// The tables of policies: by resource name, and those that apply by themselves by namespace.
#pragma once

#include "culvert/state/policy.hpp"

#include <unordered_map>
#include <vector>

namespace culvert::state {

// Guarded by the Store's lock. Policies are few (hundreds): plain tables.
class PolicyIndex {
 public:
  // Adds or replaces by resource name.
  void put(const PolicyPtr& policy);
  void erase(const Name& resource_name);

  PolicyPtr find(const Name& resource_name) const;
  // Of scope namespace in that namespace; of scope global for the empty name.
  const std::vector<PolicyPtr>& of(const Name& namespace_) const;
  std::size_t size() const { return by_name_.size(); }
  std::vector<PolicyPtr> all() const;

 private:
  std::unordered_map<Name, PolicyPtr> by_name_;
  std::unordered_map<Name, std::vector<PolicyPtr>> by_namespace_;
};

}  // namespace culvert::state
