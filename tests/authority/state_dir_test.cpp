#include "authority/state_dir.hpp"

#include "authority/files.hpp"
#include "culvert/base/file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace culvert::authority {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

const WallTime kNow = WallClock::from_time_t(1'800'000'000);

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

class StateDirTest : public ::testing::Test {
 protected:
  std::filesystem::path dir() const { return temp_.path() / "deep" / "state"; }
  std::filesystem::path key() const { return dir() / "root-key.pem"; }
  std::filesystem::path cert() const { return dir() / "root-cert.pem"; }
  // The reason why the root is refused; empty when it is not.
  std::string refusal() const {
    const auto state = StateDir::open(dir());
    if (!state) return state.error().detail;
    const auto root = state->root("cluster.local", kNow);
    return root ? std::string() : root.error().detail;
  }

  TempDir temp_;
};

TEST_F(StateDirTest, FirstStartMakesEverythingWithItsMode) {
  const auto old = ::umask(0);  // the modes are ours, not the umask's
  EXPECT_EQ(refusal(), "");
  const auto token = StateDir::open(dir())->token();
  ::umask(old);
  ASSERT_TRUE(token) << token.error().detail;
  EXPECT_EQ(mode_of(dir()), 0700U);
  EXPECT_EQ(mode_of(key()), 0600U);
  EXPECT_EQ(mode_of(cert()), 0644U);
  EXPECT_EQ(mode_of(*token), 0600U);
  EXPECT_EQ(read_file(*token)->size(), 64U);  // 256 bits in hex, no line end
}

TEST_F(StateDirTest, RestartKeepsRootAndToken) {
  ASSERT_EQ(refusal(), "");
  const auto token_path = *StateDir::open(dir())->token();
  const auto key_before = *read_file(key());
  const auto cert_before = *read_file(cert());
  const auto token_before = *read_file(token_path);
  ASSERT_EQ(refusal(), "");
  ASSERT_TRUE(StateDir::open(dir())->token());
  EXPECT_EQ(*read_file(key()), key_before);
  EXPECT_EQ(*read_file(cert()), cert_before);
  EXPECT_EQ(*read_file(token_path), token_before);
}

TEST_F(StateDirTest, RefusesHalfARootAndLeavesIt) {
  ASSERT_EQ(refusal(), "");
  const auto key_before = *read_file(key());
  std::filesystem::remove(cert());
  EXPECT_THAT(refusal(), HasSubstr("root-cert.pem is not: restore it"));
  EXPECT_EQ(*read_file(key()), key_before);
  EXPECT_FALSE(std::filesystem::exists(cert()));

  std::filesystem::rename(key(), cert());
  EXPECT_THAT(refusal(), HasSubstr("root-key.pem is not: restore it"));
  EXPECT_FALSE(std::filesystem::exists(key()));
}

TEST_F(StateDirTest, RefusesAnUnreadableOrOpenKey) {
  ASSERT_EQ(refusal(), "");
  const auto good = *read_file(key());
  ::chmod(key().c_str(), 0640);
  EXPECT_THAT(refusal(), HasSubstr("chmod 600"));
  ::chmod(key().c_str(), 0600);
  temp_.write("deep/state/root-key.pem", "junk");
  EXPECT_THAT(refusal(), HasSubstr("root key: not a private key"));
  EXPECT_EQ(*read_file(key()), "junk");
  temp_.write("deep/state/root-key.pem", good);
  EXPECT_EQ(refusal(), "");
}

TEST_F(StateDirTest, RefusesADirectoryThatOthersWrite) {
  ASSERT_EQ(refusal(), "");
  ::chmod(dir().c_str(), 0770);
  EXPECT_THAT(refusal(), HasSubstr("chmod go-w"));
  ::chmod(dir().c_str(), 0755);  // readable is the operator's choice: the key has its own mode
  EXPECT_EQ(refusal(), "");
}

TEST_F(StateDirTest, RefusesAFileInItsPlace) {
  std::filesystem::create_directories(dir().parent_path());
  temp_.write("deep/state", "a file");
  EXPECT_THAT(refusal(), HasSubstr("is not a directory"));
}

TEST_F(StateDirTest, OneControlPlaneADirectory) {
  const auto first = StateDir::open(dir());
  ASSERT_TRUE(first);
  const auto second = StateDir::open(dir());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::limit);
}

TEST_F(StateDirTest, RefusesAnOpenToken) {
  const auto token = *StateDir::open(dir())->token();
  ::chmod(token.c_str(), 0644);
  EXPECT_THAT(StateDir::open(dir())->token().error().detail, HasSubstr("chmod 600"));
}

TEST(CreateFile, NeverOverwritesAndCleansUpAfterACrash) {
  const TempDir temp;
  const auto path = temp.path() / "file";
  temp.write("file.new", "left over from a crash");
  ASSERT_TRUE(create_file(path, 0600, "first"));
  const auto second = create_file(path, 0600, "second");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::invalid);
  EXPECT_EQ(*read_file(path), "first");
  EXPECT_FALSE(std::filesystem::exists(temp.path() / "file.new"));
}

}  // namespace
}  // namespace culvert::authority
