#include "state/local_identities.hpp"

namespace culvert::state {

LocalIdentities::Count& LocalIdentities::touch(const Identity& identity) {
  Count& count = counts_[identity];
  before_.emplace(identity, Before{count.workloads > 0, count.ahead > 0});
  return count;
}

void LocalIdentities::add(const Identity& identity, bool ahead) {
  Count& count = touch(identity);
  ++count.workloads;
  if (ahead) ++count.ahead;
}

void LocalIdentities::remove(const Identity& identity, bool ahead) {
  Count& count = touch(identity);
  --count.workloads;
  if (ahead) --count.ahead;
}

LocalIdentities::Delta LocalIdentities::take_delta() {
  Delta delta;
  for (const auto& [identity, before] : before_) {
    const auto found = counts_.find(identity);
    if (found->second.ahead > 0 && !before.ahead) delta.added.push_back(identity);
    if (found->second.workloads > 0) continue;
    if (before.there) delta.removed.push_back(identity);
    counts_.erase(found);
  }
  before_.clear();
  return delta;
}

std::vector<Identity> LocalIdentities::wanted_ahead() const {
  std::vector<Identity> list;
  for (const auto& [identity, count] : counts_) {
    if (count.ahead > 0) list.push_back(identity);
  }
  return list;
}

}  // namespace culvert::state
