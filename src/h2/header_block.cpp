#include "h2/header_block.hpp"

#include "culvert/base/release.hpp"

#include <charconv>

namespace culvert::h2 {

void HeaderBlock::begin(StreamId stream) {
  end();
  stream_ = stream;
}

void HeaderBlock::skip(std::string_view name, std::string_view value) {
  size_ += name.size() + value.size() + 32;
  if (too_long() && !lines_.empty()) drop();
}

void HeaderBlock::add(std::string_view name, std::string_view value) {
  skip(name, value);
  if (too_long()) return;
  lines_.push_back({static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

void HeaderBlock::end() {
  stream_ = 0;
  size_ = 0;
  drop();
}

void HeaderBlock::drop() {
  release(text_);
  release(lines_);
  release(views_);
}

std::string_view HeaderBlock::pseudo(std::string_view wanted) const {
  for (const auto& line : lines_)
    if (name(line) == wanted) return value(line);
  return {};
}

int HeaderBlock::status() const {
  const auto text = pseudo(":status");
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

std::span<const Header> HeaderBlock::regular() {
  views_.reserve(lines_.size());
  for (const auto& line : lines_)
    if (!name(line).starts_with(':')) views_.push_back({name(line), value(line)});
  return views_;
}

}  // namespace culvert::h2
