#include "culvert/app/options.hpp"

#include <gtest/gtest.h>

namespace culvert::app {
namespace {

using namespace std::chrono_literals;

struct Good {
  const char* text;
  std::chrono::nanoseconds value;
};
class GoodDuration : public testing::TestWithParam<Good> {};

TEST_P(GoodDuration, IsRead) {
  const auto duration = parse_duration(GetParam().text);
  ASSERT_TRUE(duration.has_value()) << GetParam().text;
  EXPECT_EQ(*duration, GetParam().value) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodDuration,
    testing::Values(Good{"90", 90s}, Good{"0", 0s}, Good{"1m30s", 90s}, Good{"1m 30s", 90s},
                    Good{" 5m ", 5min}, Good{"250ms", 250ms}, Good{"7us", 7us},
                    Good{"7\xC2\xB5s", 7us}, Good{"7\xCE\xBCs", 7us}, Good{"3ns", 3ns},
                    Good{"2h+30m", 150min}, Good{"2h + 30", 2h + 30s}, Good{"10s*6", 60s},
                    Good{"2*3", 6s}, Good{"1d", 24h}, Good{"2w", 336h}, Good{"1mon", 720h},
                    Good{"1y", 8760h},
                    Good{"1y1mon1w1d1h1m1s1ms1us1ns",
                         8760h + 720h + 168h + 24h + 1h + 1min + 1s + 1ms + 1us + 1ns}));

class BadDuration : public testing::TestWithParam<const char*> {};

TEST_P(BadDuration, IsRefused) {
  const auto duration = parse_duration(GetParam());
  ASSERT_TRUE(duration.has_error()) << GetParam();
  EXPECT_EQ(duration.error().code, Errc::invalid);
}

INSTANTIATE_TEST_SUITE_P(All, BadDuration,
                         testing::Values("", " ", "s", "1x", "-1s", "1.5s", "10 20", "1m30",
                                         "1s*2s", "1s*", "1s+", "*2", "+1s", "1s,2s", "5 minutes",
                                         "300y", "9223372036854775807s", "99999999999999999999",
                                         "200y200y", "100y*100", "1s-1s", "1m+-5s"));

}  // namespace
}  // namespace culvert::app
