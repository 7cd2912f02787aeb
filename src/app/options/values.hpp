// Text to value, strictly; the errors say what is allowed, the caller adds whose value it was.
#pragma once

#include "culvert/base/result.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::app {

// Exactly "true" or "false".
Result<bool> read_bool(std::string_view text);

// A decimal number from `least` to `most`.
Result<std::uint64_t> read_number(std::string_view text, std::uint64_t least, std::uint64_t most);

// A Kubernetes CPU quantity ("2", "1.5", "500m") in whole cores, rounded up, at least 1.
Result<unsigned> read_cpus(std::string_view text);

// Stores the value of `result` in `target`, or passes its error on.
template <class T, class U>
Result<void> assign(T& target, Result<U> result) {
  if (!result) return result.error();
  target = static_cast<T>(std::move(*result));
  return {};
}

// Likewise, into an optional.
template <class T, class U>
Result<void> assign(std::optional<T>& target, Result<U> result) {
  if (!result) return result.error();
  target = static_cast<T>(std::move(*result));
  return {};
}

}  // namespace culvert::app
