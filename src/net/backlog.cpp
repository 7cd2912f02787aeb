#include "culvert/net/backlog.hpp"

#include <algorithm>

#include "culvert/base/release.hpp"

namespace culvert::net {

namespace {

Error too_much() {
  return fail(Errc::limit,
              "the application does not read: undelivered data fills the worker's budget, and this "
              "connection holds most of its pod's share");
}

}  // namespace

bool BacklogBudget::make_room(const Backlog& asker, std::size_t more) {
  while (held_ + more > limit_) {
    Backlog* const victim = largest();
    if (victim == nullptr || victim == &asker) return false;
    victim->clear();
    victim->holder_.on_evicted(too_much());
  }
  return true;
}

// The largest backlog of the pod that holds most; null when nothing is held.
Backlog* BacklogBudget::largest() {
  const auto less = [](const auto& a, const auto& b) { return a.second.held < b.second.held; };
  const auto pod = std::max_element(pods_.begin(), pods_.end(), less);
  if (pod == pods_.end() || pod->second.held == 0) return nullptr;
  const auto& backlogs = pod->second.backlogs;
  return *std::max_element(
      backlogs.begin(), backlogs.end(),
      [](const Backlog* a, const Backlog* b) { return a->counted_ < b->counted_; });
}

Backlog::Backlog(BacklogBudget& budget, Holder& holder)
    : budget_(budget), holder_(holder), pod_(holder.pod()), account_(budget.pods_[pod_]) {
  account_.backlogs.insert(this);
}

Backlog::~Backlog() {
  clear();
  account_.backlogs.erase(this);
  if (account_.backlogs.empty()) budget_.pods_.erase(pod_);
}

Result<void> Backlog::append(Bytes more) {
  const std::size_t needed = bytes_.size() + more.size();
  if (needed > bytes_.capacity()) {
    // A quarter ahead: most of what is counted is in use, and growing stays cheap.
    const std::size_t wanted = needed + needed / 4;
    if (!budget_.make_room(*this, wanted - bytes_.capacity())) return too_much();
    bytes_.reserve(wanted);
  }
  bytes_.insert(bytes_.end(), more.begin(), more.end());
  account();
  return {};
}

void Backlog::drop_front(std::size_t n) {
  from_ += std::min(n, bytes_.size() - from_);
  if (from_ <= bytes_.size() / 2) return;
  const Bytes left = bytes();
  bytes_ = std::vector<std::uint8_t>(left.begin(), left.end());
  from_ = 0;
  account();
}

void Backlog::account() {
  budget_.held_ += bytes_.capacity() - counted_;
  account_.held += bytes_.capacity() - counted_;
  counted_ = bytes_.capacity();
}

void Backlog::clear() {
  release(bytes_);
  from_ = 0;
  account();
}

}  // namespace culvert::net
