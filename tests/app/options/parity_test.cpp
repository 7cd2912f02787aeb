// docs/parity.md against the code: which settings stop the start, and which are only kept.
#include "app/options/defaults.hpp"
#include "app/options/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace culvert::app {
namespace {

// The names in back quotes in the first column of the table under the heading `column`.
std::vector<std::string> first_column(const std::string& column) {
  std::ifstream file(CULVERT_PARITY_FILE);
  std::vector<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| " + column + " | waits for |")) inside = true;
    if (line.empty()) inside = false;
    if (!inside) continue;
    const auto cell = line.substr(0, line.find('|', 1));
    const std::regex quoted("`([^`]+)`");
    for (std::sregex_iterator it(cell.begin(), cell.end(), quoted), end; it != end; ++it)
      names.push_back((*it)[1]);
  }
  return names;
}

TEST(ParityTable, NamesWhatStopsTheStart) {
  std::vector<std::string> refused;
  for (const Refusal& one : refusals()) refused.emplace_back(one.setting);
  EXPECT_THAT(first_column("setting"), testing::UnorderedElementsAreArray(refused));
}

TEST(ParityTable, WhatItSaysStopsTheStartDoes) {
  for (const auto& setting : first_column("setting")) {
    const auto equals = setting.find('=');
    const auto name = setting.substr(0, equals);
    std::map<std::string, std::string> variables{{"PROXY_WORKLOAD_INFO", "a/b/c"}};
    variables[name] = equals == std::string::npos ? "/some/path" : setting.substr(equals + 1);
    const auto options = test::parse(variables);
    ASSERT_TRUE(options.has_error()) << setting;
    EXPECT_EQ(options.error().code, Errc::unsupported) << setting;
    EXPECT_TRUE(options.error().detail.starts_with(name)) << options.error().detail;
  }
}

TEST(ParityTable, WhatItSaysHasNoEffectYetIsAccepted) {
  const std::map<std::string, std::string> values{{"ISTIO_META_DNS_PROXY_ADDR", "localhost:53"},
                                                  {"PROXY_WORKLOAD_INFO", "a/b/c"}};
  const auto names = first_column("variable");
  EXPECT_GE(names.size(), values.size());
  for (const auto& name : names) {
    const auto value = values.find(name);
    const auto options = test::parse({{name, value == values.end() ? "true" : value->second}});
    EXPECT_TRUE(options.has_value()) << options.error().detail;
  }
}

}  // namespace
}  // namespace culvert::app
