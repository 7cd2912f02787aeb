// Counts the identities of this node's workloads that need a certificate, so that the certificate
// manager learns of the first one that appears and the last one that goes.
#pragma once

#include "culvert/base/identity.hpp"

#include <cstddef>
#include <unordered_map>
#include <vector>

namespace culvert::state {

// Control thread only.
class LocalIdentities {
 public:
  void add(const Identity& identity) { note(identity), ++counts_[identity]; }
  // It must have been added.
  void remove(const Identity& identity);

  struct Delta {
    std::vector<Identity> added;
    std::vector<Identity> removed;
  };
  // What came and went since the last call; what came and went again is in neither list.
  Delta take_delta();
  std::vector<Identity> all() const;

 private:
  void note(const Identity& identity) { before_.emplace(identity, counts_.contains(identity)); }

  std::unordered_map<Identity, std::size_t> counts_;
  std::unordered_map<Identity, bool> before_;  // touched since take_delta(): was it there then?
};

}  // namespace culvert::state
