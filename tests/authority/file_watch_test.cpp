#include "authority/file_watch.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

namespace culvert::authority {
namespace {

using namespace std::chrono_literals;
using testing::TempDir;

class FileWatchTest : public ::testing::Test {
 protected:
  void watch(const std::filesystem::path& path) {
    auto opened = FileWatch::open(io_, path, 2ms, [this] { ++changes_; });
    ASSERT_TRUE(opened) << opened.error().detail;
    watch_ = std::move(*opened);
  }
  // Runs the loop until the callback has come once more; false when it does not come.
  bool changes() {
    const int before = changes_;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (changes_ == before && std::chrono::steady_clock::now() < deadline) io_.run_one_for(1s);
    return changes_ != before;
  }
  // Runs the loop until a burst of events has settled: whatever was to be told has been told.
  void settle() { io_.run_for(50ms); }

  TempDir temp_;
  boost::asio::io_context io_;
  std::unique_ptr<FileWatch> watch_;
  int changes_ = 0;
};

TEST_F(FileWatchTest, SeesWritesInPlace) {
  watch(temp_.write("mesh.yaml", "one"));
  temp_.write("mesh.yaml", "two");
  EXPECT_TRUE(changes());
}

TEST_F(FileWatchTest, SeesAtomicReplacementAgainAndAgain) {
  watch(temp_.write("mesh.yaml", "one"));
  for (const char* content : {"two", "three", "four"}) {
    temp_.replace("mesh.yaml", content);
    EXPECT_TRUE(changes()) << content;
  }
}

TEST_F(FileWatchTest, SeesSymlinkSwapsOfAMountedVolume) {
  // mesh.yaml -> ..data/mesh.yaml, ..data -> ..1; the swap renames a new ..data into place.
  for (const char* version : {"..1", "..2", "..3"})
    std::filesystem::create_directory(temp_.path() / version);
  temp_.write("..1/mesh.yaml", "one");
  temp_.write("..2/mesh.yaml", "two");
  temp_.write("..3/mesh.yaml", "three");
  std::filesystem::create_symlink("..1", temp_.path() / "..data");
  std::filesystem::create_symlink("..data/mesh.yaml", temp_.path() / "mesh.yaml");
  watch(temp_.path() / "mesh.yaml");
  for (const char* version : {"..2", "..3"}) {
    std::filesystem::create_symlink(version, temp_.path() / "..data_tmp");
    std::filesystem::rename(temp_.path() / "..data_tmp", temp_.path() / "..data");
    EXPECT_TRUE(changes()) << version;
  }
  temp_.write("..3/mesh.yaml", "three, edited");
  EXPECT_TRUE(changes());
}

TEST_F(FileWatchTest, MeltsABurstIntoOne) {
  watch(temp_.write("mesh.yaml", "one"));
  for (int i = 0; i < 20; ++i) temp_.write("mesh.yaml", std::to_string(i));
  EXPECT_TRUE(changes());
  settle();
  EXPECT_EQ(changes_, 1);
}

TEST_F(FileWatchTest, IgnoresItsNeighbours) {
  watch(temp_.write("mesh.yaml", "one"));
  temp_.write("other", "x");
  settle();
  EXPECT_EQ(changes_, 0);
}

TEST_F(FileWatchTest, WaitsForTheWriterToClose) {
  watch(temp_.write("mesh.yaml", "one"));
  for (const auto mode : {std::ios::trunc, std::ios::app}) {
    const int before = changes_;
    std::ofstream writer(temp_.path() / "mesh.yaml", mode);
    writer << "half of " << std::flush;
    temp_.write("other", "somebody else's file is no reason to look");
    settle();
    EXPECT_EQ(changes_, before);
    writer << "two";
    writer.close();
    EXPECT_TRUE(changes());
  }
}

TEST_F(FileWatchTest, ANewFileIsToldWhenItIsWrittenANewLinkAtOnce) {
  watch(temp_.write("mesh.yaml", "one"));
  std::filesystem::remove(temp_.path() / "mesh.yaml");
  EXPECT_TRUE(changes());
  const int before = changes_;
  std::ofstream writer(temp_.path() / "mesh.yaml");
  writer << "half of " << std::flush;
  settle();
  EXPECT_EQ(changes_, before);
  writer.close();
  EXPECT_TRUE(changes());
  std::filesystem::remove(temp_.path() / "mesh.yaml");
  EXPECT_TRUE(changes());
  std::filesystem::create_symlink(temp_.write("elsewhere", "two"), temp_.path() / "mesh.yaml");
  EXPECT_TRUE(changes());
}

TEST_F(FileWatchTest, TellsWhenTheFileVanishesAndWhenItIsBack) {
  watch(temp_.write("mesh.yaml", "one"));
  std::filesystem::remove(temp_.path() / "mesh.yaml");
  EXPECT_TRUE(changes());
  temp_.write("mesh.yaml", "one");
  EXPECT_TRUE(changes());
}

TEST_F(FileWatchTest, SurvivesAReplacedDirectory) {
  std::filesystem::create_directory(temp_.path() / "conf");
  watch(temp_.write("conf/mesh.yaml", "one"));
  std::filesystem::remove_all(temp_.path() / "conf");
  EXPECT_TRUE(changes());
  std::filesystem::create_directory(temp_.path() / "conf");
  temp_.write("conf/mesh.yaml", "two");
  EXPECT_TRUE(changes());
}

TEST_F(FileWatchTest, NamesAMissingDirectory) {
  const auto opened = FileWatch::open(io_, temp_.path() / "none" / "mesh.yaml", 2ms, [] {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::not_found);
}

TEST_F(FileWatchTest, IsSilentOnceGone) {
  watch(temp_.write("mesh.yaml", "one"));
  temp_.write("mesh.yaml", "two");
  io_.run_one_for(1s);  // the event has been read, the timer runs
  watch_.reset();
  io_.run();  // returns: nothing is waited for any more
  EXPECT_EQ(changes_, 0);
}

}  // namespace
}  // namespace culvert::authority
