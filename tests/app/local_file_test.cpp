// The local file as it is edited: each look() is what the watch does once a second.
#include "app/local_file.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::app {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWorkload =
    "workloads:\n- {uid: w, name: w, namespace: shop, workloadIps: [], services: {}}\n";
constexpr const char* kDeny =
    "policies:\n- {name: deny, namespace: shop, scope: Namespace, action: Deny, rules: []}\n";
constexpr const char* kAllow =
    "- {name: allow, namespace: shop, scope: Namespace, action: Allow, rules: []}\n";

class LocalFileTest : public ::testing::Test {
 protected:
  LocalFileTest() {
    write(std::string(kWorkload) + kDeny + kAllow);
    EXPECT_TRUE(file_.load());
  }
  void write(const std::string& text) { temp_.write("mesh.yaml", text); }
  void look_twice() {
    file_.look();
    file_.look();
  }
  // What is in force, in the store and for the dump.
  std::size_t workloads() const { return store_.view().workload_count(); }
  std::size_t policies() const {
    EXPECT_EQ(store_.view().policy_count(), file_.current()->policies.size());
    return store_.view().policy_count();
  }

  testing::TempDir temp_;
  boost::asio::io_context io_;
  state::Store store_{state::LocalNode{}};
  LocalFile file_{io_, store_, temp_.path() / "mesh.yaml", ""};
};

TEST_F(LocalFileTest, IsInForceFromTheStart) {
  EXPECT_EQ(workloads(), 1U);
  EXPECT_EQ(policies(), 2U);
}

TEST_F(LocalFileTest, AnEditCountsWhenTwoLooksSawIt) {
  write(std::string(kWorkload) + kDeny);
  file_.look();
  EXPECT_EQ(policies(), 2U);
  file_.look();
  EXPECT_EQ(policies(), 1U) << "one was removed";
  EXPECT_EQ(workloads(), 1U);
  temp_.replace("mesh.yaml", std::string(kWorkload) + kDeny + kAllow);
  look_twice();
  EXPECT_EQ(policies(), 2U);
}

TEST_F(LocalFileTest, AFileThatGrowsIsNotTakenBeforeItStandsStill) {
  for (const auto& text : {std::string(), std::string(kWorkload), std::string(kWorkload) + kDeny}) {
    write(text);
    file_.look();
    EXPECT_EQ(policies(), 2U) << text;
  }
  write(std::string(kWorkload) + kDeny + kAllow);
  look_twice();
  EXPECT_EQ(policies(), 2U);
}

TEST_F(LocalFileTest, AWrongEditChangesNothing) {
  for (const char* text :
       {"workloads: [}", "policies: [{name: a}]\n", "policies:\n", "", "# later\n"}) {
    write(text);
    look_twice();
    EXPECT_EQ(workloads(), 1U) << text;
    EXPECT_EQ(policies(), 2U) << text;
  }
  write("{}\n");
  look_twice();
  EXPECT_EQ(policies(), 0U) << "an empty mesh, said so";
}

TEST_F(LocalFileTest, AFileThatCannotBeReadChangesNothing) {
  const auto path = temp_.path() / "mesh.yaml";
  std::filesystem::remove(path);
  look_twice();
  EXPECT_EQ(policies(), 2U) << "gone";
  std::filesystem::create_directory(path);
  look_twice();
  EXPECT_EQ(policies(), 2U) << "a directory";
  std::filesystem::remove(path);
  write(std::string(kWorkload) + kDeny);
  look_twice();
  EXPECT_EQ(policies(), 1U);
}

TEST_F(LocalFileTest, FollowsASwappedLink) {
  temp_.write("1", std::string(kWorkload) + kDeny + kAllow);
  temp_.write("2", std::string(kWorkload) + kDeny);
  const auto swap = [&](const char* target) {
    std::filesystem::create_symlink(target, temp_.path() / "next");
    std::filesystem::rename(temp_.path() / "next", temp_.path() / "mesh.yaml");
  };
  swap("1");
  look_twice();
  EXPECT_EQ(policies(), 2U);
  swap("2");
  look_twice();
  EXPECT_EQ(policies(), 1U);
}

TEST(LocalFile, ABadStartIsNamed) {
  const testing::TempDir temp;
  boost::asio::io_context io;
  state::Store store(state::LocalNode{});
  const auto error = [&](const std::filesystem::path& path) {
    const auto done = LocalFile(io, store, path, "").load();
    return done ? "no error" : done.error().detail;
  };
  EXPECT_THAT(error(temp.path()), HasSubstr("is not a regular file"));
  EXPECT_THAT(error(temp.path() / "none"), HasSubstr("no such file"));
  EXPECT_THAT(error(temp.write("empty.yaml", "")), HasSubstr("empty.yaml:1: has no content"));
  EXPECT_TRUE(LocalFile(io, store, "", "policies: []").load()) << "text instead of a file";
}

}  // namespace
}  // namespace culvert::app
