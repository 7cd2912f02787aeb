#include "culvert/h2/frame_edge.hpp"

#include <algorithm>
#include <string_view>

namespace culvert::h2 {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Frame types and the flag that ends a header block (RFC 9113 section 6).
constexpr std::uint8_t kHeaders = 0x1;
constexpr std::uint8_t kContinuation = 0x9;
constexpr std::uint8_t kEndHeaders = 0x4;

}  // namespace

FrameEdge::FrameEdge(Role reader)
    : skip_(reader == Role::server ? std::uint32_t{kPreface.size()} : 0), head_{} {}

void FrameEdge::feed(Bytes bytes) {
  begun_ = begun_ || !bytes.empty();
  while (!bytes.empty()) {
    if (skip_ != 0) {
      const auto n = std::min<std::size_t>(skip_, bytes.size());
      skip_ -= static_cast<std::uint32_t>(n);
      bytes = bytes.subspan(n);
      continue;
    }
    const auto n = std::min(head_.size() - have_, bytes.size());
    std::copy_n(bytes.begin(), n, head_.begin() + have_);
    have_ = static_cast<std::uint8_t>(have_ + n);
    bytes = bytes.subspan(n);
    if (have_ == head_.size()) on_header();
  }
}

void FrameEdge::on_header() {
  have_ = 0;
  skip_ = std::uint32_t{head_[0]} << 16 | std::uint32_t{head_[1]} << 8 | head_[2];
  const auto type = head_[3];
  if (type == kHeaders || type == kContinuation) block_open_ = (head_[4] & kEndHeaders) == 0;
}

}  // namespace culvert::h2
