#include "h2/limits.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace culvert::h2 {

const char* Limits::on_frame(std::uint8_t type, std::uint8_t flags, std::size_t queued,
                             std::size_t streams) {
  if (queued > kMaxQueuedControl + streams) return "too many control frames wait to be sent";
  switch (type) {
    case NGHTTP2_DATA:
      if ((flags & NGHTTP2_FLAG_END_STREAM) != 0) return nullptr;
      return ++empty_data_ > kMaxEmptyData ? "too many empty DATA frames" : nullptr;
    case NGHTTP2_PING:  // its answers wait in the queue
    case NGHTTP2_CONTINUATION:
      return nullptr;
    default:
      return on_idle_frame();
  }
}

const char* Limits::on_idle_frame() {
  const auto allowed = kIdleFrames + kIdleFramesPerEvent * events_ + sent_ / 1024;
  return ++idle_frames_ > allowed ? "too many frames that move nothing" : nullptr;
}

const char* Limits::on_violation() {
  return ++violations_ > kMaxViolations ? "too many streams reset for protocol errors" : nullptr;
}

const char* Limits::on_unanswered_reset(TimePoint now) {
  resets_forgotten_ = std::max(resets_forgotten_, now) + kResetMemory;
  return resets_forgotten_ - now > kResetBurst * kResetMemory ? "too many requests reset at once"
                                                              : nullptr;
}

}  // namespace culvert::h2
