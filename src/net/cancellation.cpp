#include "culvert/net/cancellation.hpp"

#include <utility>

namespace culvert::net {

void Cancellation::cancel(Error reason) {
  if (reason_) return;
  reason_.emplace(std::move(reason));
  if (end_) std::exchange(end_, nullptr)(*reason_);
}

Cancellation::Scope::Scope(Cancellation* cancellation, std::function<void(const Error&)> end)
    : cancellation_(cancellation) {
  if (cancellation_ == nullptr) return;
  if (cancellation_->reason_) {
    end(*cancellation_->reason_);
  } else {
    cancellation_->end_ = std::move(end);
  }
}

Cancellation::Scope::~Scope() {
  if (cancellation_ != nullptr) cancellation_->end_ = nullptr;
}

}  // namespace culvert::net
