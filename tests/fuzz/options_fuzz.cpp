// Any text as environment: lines "NAME=value". Options that are accepted must be within bounds and
// must be printable.
#include "culvert/app/options.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace culvert;

app::Environment environment_of(std::string_view text) {
  app::Environment environment;
  environment.cpus = 4;
  environment.read_file = [](const std::string&) -> Result<std::optional<std::string>> {
    return std::optional<std::string>();
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return environment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = app::parse_duration(text); duration && duration->count() < 0)
    std::abort();
  const auto options = app::parse_options(environment_of(text), {});
  if (!options) {
    if (options.error().detail.empty()) std::abort();
    return 0;
  }
  if (options->worker_threads < 1 || options->termination_deadline.count() < 0 ||
      options->ca_address.empty() || app::to_json(*options).empty() ||
      app::describe(*options).empty())
    std::abort();
  return 0;
}
