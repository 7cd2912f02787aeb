// The streams attached to a session: an intrusive list, so that attaching allocates nothing, and
// the only code that touches the session's part of a Stream.
#pragma once

#include "culvert/h2/events.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace culvert::h2 {

class StreamList {
 public:
  enum Flag : std::uint32_t {
    kWaiting = 1,     // the request is not out yet: nghttp2 has no stream for it
    kReset = 2,       // reset() was called: no event but on_close
    kParked = 4,      // produce() gave bytes and said blocked: nghttp2 holds nothing for it
    kResponse = 8,    // the final response was delivered (client) or sent (server)
    kRemoteEnd = 16,  // END_STREAM was received
    kLocalEnd = 32,   // produce() said end
    kCancelled = 64,  // reset() while waiting: on_close is due in next()
    kAgain = 128,     // resume() came while the last frame of a parked stream was going out
  };

  static bool has(const Stream& stream, std::uint32_t flags) {
    return (stream.flags_ & flags) != 0;
  }
  static void set(Stream& stream, std::uint32_t flags) { stream.flags_ |= flags; }
  static void clear(Stream& stream, std::uint32_t flags) { stream.flags_ &= ~flags; }

  void add(Stream& stream, StreamId id, std::uint32_t flags) {
    stream.id_ = id;
    stream.flags_ = flags;
    stream.previous_ = last_;
    stream.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &stream;
    last_ = &stream;
    ++size_;
  }

  // Takes `stream` out and tells it; it may be gone afterwards.
  void close(Stream& stream, ErrorCode code) {
    (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
    (stream.next_ != nullptr ? stream.next_->previous_ : last_) = stream.previous_;
    stream.next_ = stream.previous_ = nullptr;
    stream.id_ = 0;
    --size_;
    stream.on_close(code);
  }

  // The newest stream for which `test` holds, or null. Linear: for rare paths.
  template <class Test>
  Stream* find(Test test) const {
    for (auto* stream = last_; stream != nullptr; stream = stream->previous_)
      if (test(*stream)) return stream;
    return nullptr;
  }

  Stream* first() const { return first_; }
  std::size_t size() const { return size_; }

 private:
  Stream* first_ = nullptr;
  Stream* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace culvert::h2
