// Lines about refusals for overload, which somebody may cause by the thousand: one a second.
#pragma once

#include "culvert/base/time.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace culvert::proxy {

// One worker's thread.
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

}  // namespace culvert::proxy
