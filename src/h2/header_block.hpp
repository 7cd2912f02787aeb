// The header block being received: a session has one at a time (RFC 9113 section 4.3). Collects
// what nghttp2 decodes, within SETTINGS_MAX_HEADER_LIST_SIZE, and gives its memory back afterwards.
#pragma once

#include "culvert/h2/types.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::h2 {

class HeaderBlock {
 public:
  // `limit`: bytes of the whole list, names and values and 32 for each line (RFC 9113
  // section 6.5.2).
  explicit HeaderBlock(std::size_t limit) : limit_(limit) {}

  void begin(StreamId stream);
  void add(std::string_view name, std::string_view value);
  // A line that counts and is not wanted.
  void skip(std::string_view name, std::string_view value);
  // Forgets everything and keeps no memory worth mentioning.
  void end();

  // Whose block it is; 0 outside of one.
  StreamId stream() const { return stream_; }
  // The list is beyond the limit; nothing is held then.
  bool too_long() const { return size_ > limit_; }
  // So far beyond that reading on is not worth it: a byte of a block can stand for 4 KiB of table.
  bool hopeless() const { return size_ > 4 * limit_; }
  // Memory in use, bytes.
  std::size_t held() const { return text_.capacity() + lines_.capacity() * sizeof(Line); }
  // The value of a pseudo-header such as ":method", or empty. Valid until begin() or end().
  std::string_view pseudo(std::string_view name) const;
  // :status as a number, 0 if absent.
  int status() const;
  // All lines that are not pseudo-headers. Call once, after the last add().
  std::span<const Header> regular();

 private:
  struct Line {
    std::uint32_t at;  // in text_
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string_view name(const Line& line) const {
    return std::string_view(text_).substr(line.at, line.name_size);
  }
  std::string_view value(const Line& line) const {
    return std::string_view(text_).substr(line.at + line.name_size, line.value_size);
  }

  void drop();

  std::size_t limit_;  // constant after construction
  StreamId stream_ = 0;
  std::size_t size_ = 0;
  std::string text_;
  std::vector<Line> lines_;
  std::vector<Header> views_;
};

}  // namespace culvert::h2
