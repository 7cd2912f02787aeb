// What goes out. nghttp2 makes one frame a call; small ones are gathered in front of the next large
// one, so that a WINDOW_UPDATE does not become a TLS record and a system call of its own.
#include "h2/impl.hpp"
#include "h2/octets.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace culvert::h2 {
namespace {

// Frames up to this size are copied: the copy costs less than the record it saves. Bytes.
constexpr std::size_t kSmallFrame = 2048;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Writes what the peer is to see into the SETTINGS frame `frame`.
void advertise_streams(MutableBytes frame, std::uint32_t limit) {
  for (auto at = kFrameHeader; at + 6 <= frame.size(); at += 6)
    if (frame[at] == 0 && frame[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
      put32(&frame[at + 2], limit);
}

}  // namespace

Bytes Session::Impl::next() {
  if (closed_) return {};
  if (failure_) return final_goaway();
  const Memory::Lock lock(memory_);
  if (cancelled_ > 0) close_cancelled();
  const auto bytes = gather();
  if (bytes.empty() && failure_) return final_goaway();
  return bytes;
}

Bytes Session::Impl::gather() {
  const auto room = memory_.headroom();
  std::size_t used = 0;
  if (std::exchange(preface_due_, false)) {
    std::memcpy(room.data(), kPreface.data(), kPreface.size());
    used = kPreface.size();
  }
  while (room.size() - used >= kSmallFrame) {
    const auto frame = take_frame();
    if (frame.empty()) break;
    if (frame.size() <= kSmallFrame) {
      std::memcpy(room.data() + used, frame.data(), frame.size());
      used += frame.size();
      if (std::exchange(first_frame_, false) && role_ == Role::server)
        advertise_streams(room.first(used), settings_.max_concurrent_streams);
      continue;
    }
    if (used == 0) return frame;
    if (memory_.lent(frame.data())) {
      auto* const start = room.data() + (frame.data() - room.data()) - used;
      std::memmove(start, room.data(), used);
      return {start, used + frame.size()};
    }
    pending_ = frame;  // memory of nghttp2's own: a later part of a long header block
    break;
  }
  return room.first(used);
}

// The next frame; empty when there is none, or when the session failed.
Bytes Session::Impl::take_frame() {
  if (!pending_.empty()) return std::exchange(pending_, Bytes{});
  const std::uint8_t* data = nullptr;
  const auto size = nghttp2_session_mem_send(session_.get(), &data);
  if (size < 0) {
    if (!failure_)
      fail_session(ErrorCode::internal_error, nghttp2_strerror(static_cast<int>(size)));
    return {};
  }
  return {data, static_cast<std::size_t>(size)};
}

// A parked stream has more. While its last frame is still going out nghttp2 takes nothing new for
// it; on_frame_sent then comes here again.
void Session::Impl::offer(Stream& stream) {
  StreamList::clear(stream, StreamList::kParked | StreamList::kAgain);
  const auto content = provider();
  const auto result =
      nghttp2_submit_data(session_.get(), NGHTTP2_FLAG_END_STREAM, stream.id(), &content);
  if (result == NGHTTP2_ERR_DATA_EXIST)
    StreamList::set(stream, StreamList::kAgain);
  else if (result != NGHTTP2_ERR_STREAM_CLOSED)
    must(result);
}

// Requests that were reset before the peer's limit let them out.
void Session::Impl::close_cancelled() {
  while (cancelled_ > 0) {
    auto* const stream = streams_.find(
        [](const Stream& one) { return StreamList::has(one, StreamList::kCancelled); });
    --cancelled_;
    streams_.close(*stream, ErrorCode::cancel);
  }
}

}  // namespace culvert::h2
