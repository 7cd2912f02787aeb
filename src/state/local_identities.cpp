#include "state/local_identities.hpp"

namespace culvert::state {

void LocalIdentities::remove(const Identity& identity) {
  note(identity);
  const auto found = counts_.find(identity);
  if (--found->second == 0) counts_.erase(found);
}

LocalIdentities::Delta LocalIdentities::take_delta() {
  Delta delta;
  for (const auto& [identity, was_there] : before_) {
    const bool is_there = counts_.contains(identity);
    if (is_there && !was_there) delta.added.push_back(identity);
    if (!is_there && was_there) delta.removed.push_back(identity);
  }
  before_.clear();
  return delta;
}

std::vector<Identity> LocalIdentities::all() const {
  std::vector<Identity> list;
  list.reserve(counts_.size());
  for (const auto& [identity, count] : counts_) list.push_back(identity);
  return list;
}

}  // namespace culvert::state
