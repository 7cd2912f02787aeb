// Follows the frames of one direction by their lengths alone (RFC 9113 section 4.1), to know
// whether the bytes so far end between two of them: a peer that goes away inside a frame or a
// header block has not ended in order, and nghttp2 does not say where it stands.
#pragma once

#include <array>
#include <cstdint>

#include "culvert/base/bytes.hpp"
#include "culvert/h2/types.hpp"

namespace culvert::h2 {

// Values only. One thread.
class FrameEdge {
 public:
  // What `reader` receives: the frames of a client have the preface in front of them.
  explicit FrameEdge(Role reader);
  // The next bytes, in order.
  void feed(Bytes bytes);
  // Whether a preface, a frame or a header block (HEADERS and CONTINUATION up to END_HEADERS) has
  // begun and not ended. False before the first byte.
  bool inside() const { return begun_ && (skip_ != 0 || have_ != 0 || block_open_); }

 private:
  void on_header();

  std::uint32_t skip_ = 0;            // bytes of the preface or a payload still to come
  std::array<std::uint8_t, 9> head_;  // the header being received
  std::uint8_t have_ = 0;             // bytes of it
  bool block_open_ = false;
  bool begun_ = false;
};

}  // namespace culvert::h2
