#include "app/options/values.hpp"

#include <cmath>

namespace culvert::app {

Result<bool> read_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(Errc::invalid, "must be true or false");
}

Result<std::uint64_t> read_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value);
  if (ec == std::errc() && stop == end && value >= least && value <= most) return value;
  return fail(Errc::invalid,
              "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
}

Result<unsigned> read_cpus(std::string_view text) {
  double cores = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, cores, std::chars_format::fixed);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (unit == "m") cores /= 1000;
  if (ec != std::errc() || !(unit.empty() || unit == "m") || !(cores > 0) || cores > 65536)
    return fail(Errc::invalid, "must be a CPU quantity such as 2, 1.5 or 500m");
  return static_cast<unsigned>(std::ceil(cores));
}

}  // namespace culvert::app
