// Counts the identities of this node's workloads, so that the certificate manager learns of the
// first one that wants a certificate ahead of use, and of the last one that could use it.
#pragma once

#include "culvert/base/identity.hpp"

#include <cstddef>
#include <unordered_map>
#include <vector>

namespace culvert::state {

// Control thread only.
class LocalIdentities {
 public:
  // One more workload with that identity; `ahead` when its certificate is to be fetched before
  // somebody asks for it.
  void add(const Identity& identity, bool ahead);
  // It must have been added, with the same `ahead`.
  void remove(const Identity& identity, bool ahead);

  struct Delta {
    std::vector<Identity> added;    // wanted ahead now, and not before
    std::vector<Identity> removed;  // of no workload any more
  };
  // What came and went since the last call; what came and went again is in neither list.
  Delta take_delta();
  // Those that are wanted ahead.
  std::vector<Identity> wanted_ahead() const;

 private:
  struct Count {
    std::size_t workloads = 0;
    std::size_t ahead = 0;  // of those
  };
  struct Before {
    bool there;
    bool ahead;
  };
  Count& touch(const Identity& identity);

  std::unordered_map<Identity, Count> counts_;
  std::unordered_map<Identity, Before> before_;  // touched since take_delta(): how was it then?
};

}  // namespace culvert::state
