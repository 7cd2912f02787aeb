// What a peer may make us do for nothing. A bound is on what is queued, on what comes in a row, or
// on the ratio to real work, so that a tunnel that lives for months with a PING every ten seconds
// is as welcome as a busy one. Only resets need the time, which is an argument.
//
// Beside these, nghttp2 limits CONTINUATION (8 a header block), SETTINGS entries (32 a frame) and
// unanswered SETTINGS and PING. Frames of unknown types cost their header only, and nothing tells
// us of them.
#pragma once

#include "culvert/base/time.hpp"

#include <cstddef>
#include <cstdint>

namespace culvert::h2 {

// Answers to PING and SETTINGS that may wait for a peer that does not read, frames.
inline constexpr std::size_t kMaxQueuedAcks = 512;
// Control frames of any kind that may wait, beside one for each open stream.
inline constexpr std::size_t kMaxQueuedControl = 1000;
// DATA frames in a row without a byte of data and without END_STREAM.
inline constexpr std::uint32_t kMaxEmptyData = 100;
// Streams that the peer's own errors made us reset, in the life of a session.
inline constexpr std::uint32_t kMaxViolations = 200;
// Requests that the peer may reset at once before they are answered ("rapid reset",
// CVE-2023-44487), and how long it takes until one of them is forgotten: 1,000 a second for ever.
// Clients of an application that hangs give up in far smaller numbers, 200 streams at a time; and
// each request that is accepted makes up for one. Resets of answered streams are how applications
// end connections, and have no limit.
inline constexpr int kResetBurst = 1000;
inline constexpr Duration kResetMemory = std::chrono::milliseconds(1);
// Frames that move nothing (all but DATA, CONTINUATION and PING; of PING the answers that nothing
// asked for): a basic allowance, and so many more for each stream, each DATA frame sent, and a KiB
// sent.
inline constexpr std::uint64_t kIdleFrames = 10000;
inline constexpr std::uint64_t kIdleFramesPerEvent = 10;
// Streams beyond SETTINGS_MAX_CONCURRENT_STREAMS that are refused one by one before nghttp2 ends
// the connection: a peer's view of what has ended may lag behind ours.
inline constexpr std::uint32_t kRefusalSlack = 1000;
// The longest header list that is sent, bytes with 32 for each field line: fits one frame of any
// peer, which nghttp2 does not ensure once its frame buffer has grown.
inline constexpr std::size_t kMaxSentHeaders = 16384;

// Counts what the peer does; each function returns null, or why the peer is to be told
// ENHANCE_YOUR_CALM (a string literal).
class Limits {
 public:
  // A frame begins. `type` and `flags` as on the wire; `queued` control frames wait to be sent
  // while `streams` are open.
  const char* on_frame(std::uint8_t type, std::uint8_t flags, std::size_t queued,
                       std::size_t streams);
  // A PING answer came that nothing asked for.
  const char* on_idle_frame();
  // We reset a stream because the peer broke a rule on it.
  const char* on_violation();

  // The peer reset a stream that had no answer yet.
  const char* on_unanswered_reset(TimePoint now);

  // We sent a 200.
  void on_accepted() { resets_forgotten_ -= kResetMemory; }
  void on_data_received() { empty_data_ = 0; }
  void on_stream() { ++events_; }
  void on_data_sent(std::size_t size) {
    ++events_;
    sent_ += size;
  }

 private:
  std::uint64_t idle_frames_ = 0;
  std::uint64_t events_ = 0;  // streams opened and DATA frames sent
  std::uint64_t sent_ = 0;    // bytes of DATA
  std::uint32_t empty_data_ = 0;
  std::uint32_t violations_ = 0;
  TimePoint resets_forgotten_{};  // when the last unanswered reset will be; past: there is none
};

}  // namespace culvert::h2
