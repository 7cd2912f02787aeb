// Lines about trouble that somebody may cause by the thousand (refusals for overload, no more
// descriptors): one a second.
#pragma once

#include "culvert/base/time.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace culvert::net {

// When the next line may be written. Time is an argument. One thread.
class OverloadLog {
 public:
  static constexpr auto kPause = std::chrono::seconds(1);

  // Whether to write a line now; then how many were left out since the last one.
  std::optional<std::size_t> admit(TimePoint now) {
    if (now < next_) {
      ++left_out_;
      return std::nullopt;
    }
    next_ = now + kPause;
    return std::exchange(left_out_, 0);
  }

 private:
  TimePoint next_{};
  std::size_t left_out_ = 0;
};

}  // namespace culvert::net
