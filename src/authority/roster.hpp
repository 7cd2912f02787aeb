// Who exists: the identities that workloads of the mesh file hold, and the nodes they run on. What
// the CA compares a request with.
#pragma once

#include "culvert/base/identity.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace culvert::authority {

// Built once per version of the mesh file, then constant.
class Roster {
 public:
  // A workload holds `identity` on `node` (empty when the file names none).
  void add(const Identity& identity, const Name& node) {
    auto& nodes = nodes_[identity];
    for (const auto& known : nodes)
      if (known == node) return;
    nodes.push_back(node);
  }
  bool holds(const Identity& identity) const { return nodes_.contains(identity); }
  bool on_node(const Identity& identity, std::string_view node) const {
    const auto found = nodes_.find(identity);
    if (found == nodes_.end()) return false;
    for (const auto& known : found->second)
      if (known == node) return true;
    return false;
  }
  std::size_t size() const { return nodes_.size(); }

 private:
  std::unordered_map<Identity, std::vector<Name>> nodes_;
};

}  // namespace culvert::authority
