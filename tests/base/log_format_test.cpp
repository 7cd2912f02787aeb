#include "base/log_format.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace culvert::log {
namespace {

using namespace std::chrono_literals;

const WallTime kTime =
    WallTime(std::chrono::sys_days{std::chrono::year{2026} / 8 / 22}) + 10h + 3s + 42us;

std::string plain(std::string_view message, const std::vector<Field>& fields = {}) {
  std::string out;
  append_plain(out, {kTime, Level::info, "access", message, fields});
  return out;
}

std::string json(std::string_view message, const std::vector<Field>& fields = {}) {
  std::string out;
  append_json(out, {kTime, Level::warn, "access", message, fields});
  return out;
}

TEST(LogFormat, PlainIsTabSeparated) {
  EXPECT_EQ(plain("connection complete",
                  {bare("src.addr", "198.18.0.6:41000"), str("src.workload", "front-0"),
                   num("bytes_sent", 12), num("delta", -3)}),
            "2026-08-22T10:00:03.000042Z\tinfo\taccess\tconnection complete\t"
            "src.addr=198.18.0.6:41000 src.workload=\"front-0\" bytes_sent=12 delta=-3\n");
}

TEST(LogFormat, PlainWithoutFieldsHasNoFourthTab) {
  EXPECT_EQ(plain("ready"), "2026-08-22T10:00:03.000042Z\tinfo\taccess\tready\n");
}

TEST(LogFormat, JsonKeepsTheOrderAndTheTypes) {
  EXPECT_EQ(json("connection failed", {bare("src.addr", "[2001:2::1]:80"), str("e", "a\"b\\c"),
                                       num("n", 9223372036854775807)}),
            "{\"level\":\"warn\",\"time\":\"2026-08-22T10:00:03.000042Z\",\"scope\":\"access\","
            "\"message\":\"connection failed\",\"src.addr\":\"[2001:2::1]:80\","
            "\"e\":\"a\\\"b\\\\c\",\"n\":9223372036854775807}\n");
}

// A peer that can put text into a line must not be able to end it or to forge a field's end.
TEST(LogFormat, PlainEscapesWhatIsNotPrintable) {
  const auto value = [](std::string_view text) {
    const auto line = plain("m", {str("k", text)});
    return line.substr(line.find("k=") + 2, line.size() - line.find("k=") - 3);
  };
  EXPECT_EQ(value("a\nb\r\tc"), "\"a\\nb\\r\\tc\"");
  EXPECT_EQ(value("say \"hi\" \\"), "\"say \\\"hi\\\" \\\\\"");
  EXPECT_EQ(value(std::string_view("\x1b[31m\0\x7f", 7)), "\"\\u{1b}[31m\\u{0}\\u{7f}\"");
  EXPECT_EQ(value("gr\xC3\xBC\xC3\x9F dich"), "\"gr\xC3\xBC\xC3\x9F dich\"");
  EXPECT_EQ(value("\xFF\xC3"), "\"\\xff\\xc3\"");
  EXPECT_EQ(value("\xC2\x85\xE2\x80\xA8"), "\"\\u{85}\\u{2028}\"");
  EXPECT_EQ(value("\xC0\xAF\xED\xA0\x80"), "\"\\xc0\\xaf\\xed\\xa0\\x80\"");
  EXPECT_EQ(value("\xF0\x9F\x90\x99"), "\"\xF0\x9F\x90\x99\"");
}

TEST(LogFormat, MessagesAndBareValuesAreEscapedToo) {
  EXPECT_EQ(plain("two\nlines", {bare("k", "a\nb")}),
            "2026-08-22T10:00:03.000042Z\tinfo\taccess\ttwo\\nlines\tk=a\\nb\n");
}

TEST(LogFormat, JsonEscapesControlsAndReplacesStrayBytes) {
  EXPECT_EQ(json("a\nb\x01", {str("k", "\xFFz\xE2\x80\xA9")}),
            "{\"level\":\"warn\",\"time\":\"2026-08-22T10:00:03.000042Z\",\"scope\":\"access\","
            "\"message\":\"a\\nb\\u0001\",\"k\":\"\xEF\xBF\xBDz\\u2029\"}\n");
}

TEST(LogFormat, TimesBeforeTheEpochAndAtLeapDays) {
  std::string out;
  append_time(out, WallTime(std::chrono::sys_days{std::chrono::year{1969} / 12 / 31}) + 23h);
  EXPECT_EQ(out, "1969-12-31T23:00:00.000000Z");
  out.clear();
  append_time(out,
              WallTime(std::chrono::sys_days{std::chrono::year{2028} / 2 / 29}) + 59min + 999999us);
  EXPECT_EQ(out, "2028-02-29T00:59:00.999999Z");
}

}  // namespace
}  // namespace culvert::log
