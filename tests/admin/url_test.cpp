#include "admin/url.hpp"

#include <gtest/gtest.h>

namespace culvert::admin {
namespace {

using Map = std::map<std::string, std::string>;

TEST(ParseQuery, SplitsAndDecodes) {
  EXPECT_EQ(parse_query(""), Map{});
  EXPECT_EQ(parse_query("reset"), (Map{{"reset", ""}}));
  EXPECT_EQ(parse_query("level=info%2Caccess%3Ddebug&reset"),
            (Map{{"level", "info,access=debug"}, {"reset", ""}}));
  EXPECT_EQ(parse_query("level=access=debug"), (Map{{"level", "access=debug"}}));
  EXPECT_EQ(parse_query("a=1&a=2&&b=+x"), (Map{{"a", "2"}, {"b", " x"}}));
  EXPECT_EQ(parse_query("a=%"), (Map{{"a", "%"}}));
  EXPECT_EQ(parse_query("a=%4"), (Map{{"a", "%4"}}));
  EXPECT_EQ(parse_query("a=%zz%41"), (Map{{"a", "%zzA"}}));
  EXPECT_EQ(parse_query("a=%-1"), (Map{{"a", "%-1"}}));
  EXPECT_EQ(parse_query("="), (Map{{"", ""}}));
}

}  // namespace
}  // namespace culvert::admin
