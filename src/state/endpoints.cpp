#include "culvert/state/endpoints.hpp"

#include <algorithm>
#include <bit>

namespace culvert::state {

namespace {
// Up to here a linear search beats a hash table, and most services stay below.
constexpr std::size_t kIndexFrom = 32;
}  // namespace

std::uint32_t EndpointSet::weight(const Endpoint& endpoint) const {
  return endpoint.healthy() || allow_unhealthy_ ? endpoint.workload->capacity : 0;
}

std::size_t EndpointSet::position(const Name& uid) const {
  if (!index_.empty()) {
    const auto found = index_.find(uid);
    return found == index_.end() ? endpoints_.size() : found->second;
  }
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const Endpoint& e) { return e.workload->uid == uid; });
  return static_cast<std::size_t>(found - endpoints_.begin());
}

const Endpoint* EndpointSet::find(const Name& uid) const {
  const std::size_t at = position(uid);
  return at == endpoints_.size() ? nullptr : &endpoints_[at];
}

void EndpointSet::put(WorkloadPtr workload, const PortMap* ports) {
  const std::size_t at = position(workload->uid);
  if (at < endpoints_.size()) {
    const std::uint32_t before = weight(endpoints_[at]);
    endpoints_[at] = Endpoint{std::move(workload), ports};
    add_weight(at, std::int64_t{weight(endpoints_[at])} - before);
    return;
  }
  endpoints_.push_back(Endpoint{std::move(workload), ports});
  push_weight(weight(endpoints_.back()));
  if (!index_.empty()) {
    index_.emplace(endpoints_.back().workload->uid, at);
  } else if (endpoints_.size() > kIndexFrom) {
    for (std::size_t i = 0; i < endpoints_.size(); ++i)
      index_.emplace(endpoints_[i].workload->uid, i);
  }
}

void EndpointSet::remove(const Name& uid) {
  const std::size_t at = position(uid);
  if (at == endpoints_.size()) return;
  const std::size_t last = endpoints_.size() - 1;
  const std::uint32_t removed = weight(endpoints_[at]);
  const std::uint32_t moved = weight(endpoints_[last]);
  if (!index_.empty()) index_.erase(uid);
  if (at != last) {
    // The last one takes the free place, so that no other changes its index.
    add_weight(at, std::int64_t{moved} - removed);
    endpoints_[at] = std::move(endpoints_[last]);
    if (!index_.empty()) index_[endpoints_[at].workload->uid] = at;
  }
  endpoints_.pop_back();
  tree_.pop_back();
  total_ -= at == last ? removed : moved;
}

void EndpointSet::allow_unhealthy(bool allow) {
  if (allow == allow_unhealthy_) return;
  allow_unhealthy_ = allow;
  tree_.clear();
  total_ = 0;
  for (const Endpoint& endpoint : endpoints_) push_weight(weight(endpoint));
}

// Node i (counted from 1) of the tree sums the lowest_bit(i) endpoints that end at i.
void EndpointSet::add_weight(std::size_t index, std::int64_t delta) {
  const auto change = static_cast<std::uint64_t>(delta);  // wraps for negative: sums stay exact
  total_ += change;
  for (std::size_t i = index + 1; i <= tree_.size(); i += i & -i) tree_[i - 1] += change;
}

void EndpointSet::push_weight(std::uint32_t weight) {
  const std::size_t node = tree_.size() + 1;
  std::uint64_t sum = weight;
  for (std::size_t i = node - 1; i > node - (node & -node); i -= i & -i) sum += tree_[i - 1];
  tree_.push_back(sum);
  total_ += weight;
}

const Endpoint& EndpointSet::at_weight(std::uint64_t ticket) const {
  std::size_t position = 0;
  for (std::size_t step = std::bit_floor(tree_.size()); step != 0; step /= 2) {
    if (position + step <= tree_.size() && tree_[position + step - 1] <= ticket) {
      position += step;
      ticket -= tree_[position - 1];
    }
  }
  return endpoints_[position];
}

}  // namespace culvert::state
