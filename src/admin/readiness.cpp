#include "culvert/admin/readiness.hpp"

namespace culvert::admin {

void Readiness::open(std::string_view task) {
  const std::lock_guard lock(mutex_);
  pending_.emplace(task);
}

void Readiness::complete(std::string_view task) {
  const std::lock_guard lock(mutex_);
  if (const auto found = pending_.find(task); found != pending_.end()) pending_.erase(found);
}

bool Readiness::ready() const {
  const std::lock_guard lock(mutex_);
  return pending_.empty();
}

std::vector<std::string> Readiness::pending() const {
  const std::lock_guard lock(mutex_);
  return {pending_.begin(), pending_.end()};
}

}  // namespace culvert::admin
