// The text, line by line:
//   heap_v2/524288              bytes between samples
//     t*: 2: 1048 [0: 0]        all threads: objects: bytes [accumulated]; then each thread
//   @ 0x55d0 0x55e8             a stack
//     t*: 1: 1024 [0: 0]        what it holds; then each thread
//   MAPPED_LIBRARIES:           the rest is a copy of /proc/self/maps
#include "profile/heap_dump.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace culvert::profile {

namespace {

constexpr std::string_view kHead = "heap_v2/";
constexpr std::string_view kStack = "@";
constexpr std::string_view kAllThreads = "  t*: ";

// Takes a number off the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// Takes a word off its front.
bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool parse_frames(std::string_view line, std::vector<std::uintptr_t>& frames) {
  while (!line.empty()) {
    std::uintptr_t address = 0;
    if (!take(line, " 0x") || !take_number(line, address, 16)) return false;
    // Where a call returns to: the call itself is before it.
    frames.push_back(address == 0 ? 0 : address - 1);
  }
  return true;
}

// An allocation of `size` is sampled with a chance of 1 - e^(-size / period).
void scale(HeapStack& stack, std::int64_t period) {
  if (stack.objects == 0) return;
  const auto size = static_cast<double>(stack.bytes) / static_cast<double>(stack.objects);
  const auto factor = 1 / -std::expm1(-size / static_cast<double>(period));
  stack.objects = std::llround(static_cast<double>(stack.objects) * factor);
  stack.bytes = std::llround(static_cast<double>(stack.bytes) * factor);
}

bool parse_line(std::string_view line, HeapDump& dump) {
  if (take(line, kStack)) return parse_frames(line, dump.stacks.emplace_back().frames);
  if (dump.stacks.empty() || !take(line, kAllThreads)) return true;
  auto& stack = dump.stacks.back();
  if (!take_number(line, stack.objects) || !take(line, ": ") || !take_number(line, stack.bytes))
    return false;
  scale(stack, dump.period);
  return true;
}

}  // namespace

Result<HeapDump> parse_heap_dump(std::string_view text) {
  HeapDump dump;
  if (!take(text, kHead) || !take_number(text, dump.period) || dump.period <= 0)
    return fail(Errc::invalid, "the heap dump has no head that is known");
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("MAPPED_LIBRARIES")) break;
    if (!parse_line(line, dump))
      return fail(Errc::invalid, "line of a heap dump: " + std::string(line));
  }
  return dump;
}

}  // namespace culvert::profile
