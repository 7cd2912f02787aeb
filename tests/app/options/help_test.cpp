#include <gtest/gtest.h>

#include <set>

#include "culvert/app/options.hpp"

namespace culvert::app {
namespace {

TEST(Help, NamesEveryVariableOnce) {
  std::set<std::string_view> names;
  const auto text = help_text();
  for (const auto& setting : setting_help()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    EXPECT_FALSE(setting.type.empty()) << setting.name;
    EXPECT_NE(text.find("  " + std::string(setting.name) + " "), std::string::npos) << setting.name;
  }
  EXPECT_EQ(names.size(), 67U);
}

}  // namespace
}  // namespace culvert::app
