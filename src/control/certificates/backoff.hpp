// The pauses between failed certificate requests of one identity.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/base/time.hpp"

#include <algorithm>
#include <chrono>

namespace culvert::control {

// 1 s, doubling, each 20 % longer or shorter by chance, at most 150 s; after 15 minutes of failure
// 150 s exactly. A value; reset by replacing it.
class Backoff {
 public:
  static constexpr Duration kFirst = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::seconds(150);
  static constexpr Duration kGiveUpGrowing = std::chrono::minutes(15);

  // The pause after a failure at `now`.
  Duration next(TimePoint now, Random& random) {
    if (!failing_) {
      failing_ = true;
      since_ = now;
    }
    if (now - since_ >= kGiveUpGrowing) return kLongest;
    const auto base = base_;
    base_ = std::min(base_ * 2, kLongest);
    const auto permille = static_cast<Duration::rep>(800 + random.below(401));
    return std::min(base / 1000 * permille, kLongest);
  }

 private:
  bool failing_ = false;
  TimePoint since_{};
  Duration base_ = kFirst;
};

}  // namespace culvert::control
