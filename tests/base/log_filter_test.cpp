#include "base/log_filter.hpp"

#include <gtest/gtest.h>

namespace culvert::log {
namespace {

Directives parsed(std::string_view text) {
  auto directives = Directives::parse(text);
  EXPECT_TRUE(directives.has_value()) << text;
  return directives ? *directives : Directives();
}

struct Shown {
  const char* in;
  const char* out;  // null: refused
};

class DirectiveText : public testing::TestWithParam<Shown> {};

TEST_P(DirectiveText, IsReadAndShownMostSpecificFirst) {
  const auto directives = Directives::parse(GetParam().in);
  ASSERT_EQ(directives.has_value(), GetParam().out != nullptr);
  if (directives) {
    EXPECT_EQ(directives->to_string(), GetParam().out);
  } else {
    EXPECT_EQ(directives.error().code, Errc::invalid);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DirectiveText,
                         testing::Values(Shown{"", "info"}, Shown{"warn", "warn"},
                                         Shown{"WARN", "warn"},
                                         Shown{"access=debug", "access=debug,info"},
                                         Shown{"info,access=debug", "access=debug,info"},
                                         Shown{"a=warn,bb=error,debug", "bb=error,a=warn,debug"},
                                         Shown{"b=warn,a=warn", "a=warn,b=warn,info"},
                                         Shown{" info , access = trace ,", "access=trace,info"},
                                         Shown{"info,debug", "debug"},
                                         Shown{"a=info,a=off", "a=off,info"},
                                         Shown{"ztunnel::proxy=debug", "ztunnel::proxy=debug,info"},
                                         Shown{"warning", nullptr}, Shown{"access", nullptr},
                                         Shown{"access:debug", nullptr}, Shown{"access=", nullptr},
                                         Shown{"=debug", nullptr}, Shown{"access=loud", nullptr},
                                         Shown{"a=b=debug", nullptr}, Shown{"a b=debug", nullptr},
                                         Shown{"info,a\n=debug", nullptr}));

TEST(Directives, TheErrorNamesTheClause) {
  const auto bad = Directives::parse("info,acess:debug");
  ASSERT_TRUE(bad.has_error());
  EXPECT_NE(bad.error().detail.find("\"acess:debug\""), std::string::npos) << bad.error().detail;
}

TEST(Directives, TheLongestPrefixWins) {
  const auto directives = parsed("error,proxy=warn,proxy::inbound=trace");
  EXPECT_EQ(directives.level_of("admin"), Level::error);
  EXPECT_EQ(directives.level_of("proxy"), Level::warn);
  EXPECT_EQ(directives.level_of("proxy::outbound"), Level::warn);
  EXPECT_EQ(directives.level_of("proxy::inbound"), Level::trace);
}

TEST(Directives, WithoutDefaultTheRestIsInfo) {
  EXPECT_EQ(parsed("access=off").level_of("proxy"), Level::info);
  EXPECT_EQ(parsed("access=off").level_of("access"), Level::off);
}

TEST(Directives, NamesOfTheReferenceMeanOurTargets) {
  const auto module = parsed("warn,ztunnel::proxy=debug");
  EXPECT_EQ(module.level_of("proxy::inbound"), Level::debug);
  EXPECT_EQ(module.level_of("admin"), Level::warn);
  const auto all = parsed("ztunnel=debug,warn");
  EXPECT_EQ(all.level_of("admin"), Level::debug);
  EXPECT_EQ(all.level_of("access"), Level::warn);
  EXPECT_EQ(parsed("ztunnel=debug,proxy=error").level_of("proxy"), Level::error);
}

TEST(Directives, LaterOnesOverride) {
  auto directives = parsed("info,access=debug");
  directives.add(parsed("access=off,warn"));
  EXPECT_EQ(directives.to_string(), "access=off,warn");
}

TEST(Filter, SetsTheLevelsOfTargets) {
  Target before("filter_test");
  ASSERT_TRUE(set_filter("warn,filter_test=debug").has_value());
  EXPECT_TRUE(before.enabled(Level::debug));
  EXPECT_FALSE(before.enabled(Level::trace));
  Target after("filter_test::late");
  EXPECT_TRUE(after.enabled(Level::debug));
  EXPECT_EQ(filter(), "filter_test=debug,warn");
  EXPECT_FALSE(set_filter("filter_test=loud").has_value());
  EXPECT_EQ(filter(), "filter_test=debug,warn");  // unchanged
  ASSERT_TRUE(add_filter("filter_test=off").has_value());
  EXPECT_FALSE(before.enabled(Level::error));
  ASSERT_TRUE(set_filter("info").has_value());
  EXPECT_TRUE(before.enabled(Level::info));
}

}  // namespace
}  // namespace culvert::log
