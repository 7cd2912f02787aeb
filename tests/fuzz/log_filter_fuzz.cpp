// Log filters come from the environment and from POST /logging. What is shown of an accepted filter
// must be accepted again and mean the same.
#include "base/log_filter.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert::log;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto directives = Directives::parse(text);
  if (!directives) return 0;
  const auto shown = directives->to_string();
  const auto again = Directives::parse(shown);
  if (!again || again->to_string() != shown) std::abort();
  for (const std::string_view target : {"access", "proxy::inbound", "dns", "xds", "x"}) {
    if (directives->level_of(target) != again->level_of(target)) std::abort();
  }
  return 0;
}
