#include "app/options/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

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

// The options that `variables` give, without the metadata that ISTIO_META_* leave behind.
Result<Options> parsed(std::map<std::string, std::string> variables) {
  auto options = test::parse(std::move(variables));
  if (options) options->proxy_metadata.clear();
  return options;
}

// Setting a variable to the default that the help text promises changes nothing.
TEST(Help, TellsTheTrueDefaults) {
  std::set<std::string_view> in_words;  // defaults that depend on something
  for (const auto& setting : setting_help()) {
    if (setting.fallback.find(' ') != std::string_view::npos) {
      in_words.insert(setting.name);
    } else if (!setting.fallback.empty()) {
      const auto options = parsed({{std::string(setting.name), std::string(setting.fallback)}});
      ASSERT_TRUE(options.has_value()) << options.error().detail;
      EXPECT_TRUE(*options == *parsed({})) << setting.name << "=" << setting.fallback;
    }
  }
  EXPECT_THAT(in_words, testing::UnorderedElementsAre("XDS_ADDRESS", "CA_ADDRESS", "AUTH_TOKEN",
                                                      "PACKET_MARK", "ENABLE_ORIG_SRC",
                                                      "ZTUNNEL_WORKER_THREADS"));
}

TEST(Help, DefaultsInWordsAreTrue) {
  const auto here = parsed({});
  const auto in_cluster = parsed({{"KUBERNETES_SERVICE_HOST", "198.18.0.1"}});
  for (const auto& setting : setting_help()) {
    const std::string words(setting.fallback);
    if (setting.name == "XDS_ADDRESS" || setting.name == "CA_ADDRESS") {
      EXPECT_EQ(words, in_cluster->xds_address + " in a cluster, else " + here->xds_address);
    } else if (setting.name == "PACKET_MARK") {
      EXPECT_EQ(words, std::to_string(here->packet_mark.value()) + " in shared mode");
    }
  }
  EXPECT_EQ(in_cluster->xds_address, in_cluster->ca_address);
  EXPECT_EQ(here->xds_address, here->ca_address);
}

}  // namespace
}  // namespace culvert::app
