#include "culvert/base/file.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace culvert {
namespace {

TEST(ReadFile, GivesTheWholeContent) {
  const testing::TempDir temp;
  const std::string text(300'000, 'x');
  EXPECT_EQ(read_file(temp.write("file", text)).value(), text);
  EXPECT_EQ(read_file(temp.write("file", "")).value(), "");
  std::filesystem::create_symlink("file", temp.path() / "link");
  EXPECT_EQ(read_file(temp.path() / "link").value(), "");
}

TEST(ReadFile, SaysWhatIsMissing) {
  const testing::TempDir temp;
  const auto missing = read_file(temp.path() / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().detail.find("none"), std::string::npos);
}

TEST(ReadFile, TakesNothingButFiles) {
  const testing::TempDir temp;
  ASSERT_EQ(::mkfifo((temp.path() / "pipe").c_str(), 0600), 0);
  for (const auto& path : {temp.path(), temp.path() / "pipe", std::filesystem::path("/dev/null")}) {
    const auto read = read_file(path);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error().code, Errc::invalid);
    EXPECT_NE(read.error().detail.find("is not a regular file"), std::string::npos);
  }
}

}  // namespace
}  // namespace culvert
