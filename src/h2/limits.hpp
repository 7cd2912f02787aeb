// What a peer may make us do for nothing. Without clocks: every bound is on what is queued, on what
// comes in a row, or on the ratio to real work, so that a tunnel that lives for months with a PING
// every ten seconds is as welcome as a busy one.
//
// Beside these, nghttp2 limits RST_STREAM (a server takes 1,000 at once and 33 a second after
// that), CONTINUATION (8 a header block), SETTINGS entries (32 a frame) and unanswered SETTINGS and
// PING.
#pragma once

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
// RST_STREAM that a server takes at once, and a second after that, whatever the stream did before
// (nghttp2 counts these, by its clock). Its own 1,000 and 33 would end a tunnel, with all who share
// it, for a busy node whose applications close with resets.
inline constexpr std::uint64_t kResetBurst = 5000;
inline constexpr std::uint64_t kResetRate = 1000;
// Streams in a row that the peer reset before they were answered ("rapid reset", CVE-2023-44487).
inline constexpr std::uint32_t kMaxUnansweredResets = 1000;
// Frames that move nothing (WINDOW_UPDATE, SETTINGS, PRIORITY, unknown types, unasked PING
// answers): a basic allowance, and so many more for each stream, each DATA frame sent, and a KiB
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
  const char* on_unanswered_reset();

  void on_answer() { unanswered_resets_ = 0; }
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
  std::uint32_t unanswered_resets_ = 0;
};

}  // namespace culvert::h2
