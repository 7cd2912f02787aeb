// A strict reader of OpenMetrics text, independent of the code that writes it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::metrics::test {

struct ParsedSample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
  std::string label(std::string_view name_) const {
    for (const auto& [key, text] : labels) {
      if (key == name_) return text;
    }
    return "<none>";
  }
};

struct ParsedFamily {
  std::string type;
  std::string help;
  std::string unit;
  std::vector<ParsedSample> samples;
};

// Families by name, or what is wrong. Rules checked: OpenMetrics 1.0 section 5: metadata before
// samples and once a family, families not interleaved, counters end in _total, no duplicate series,
// escapes, "# EOF" last.
struct Exposition {
  std::map<std::string, ParsedFamily> families;
  std::string error;
};
Exposition parse_exposition(std::string_view text);

}  // namespace culvert::metrics::test
