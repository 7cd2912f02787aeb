#include "app/resolv_conf.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temp_dir.hpp"

namespace culvert::app {
namespace {

using namespace std::chrono_literals;

class ResolvConfTest : public ::testing::Test {
 protected:
  void write(const std::string& text) const {
    const auto path = dir_.path() / "new";
    std::ofstream(path) << text;
    std::filesystem::rename(path, path_);
  }
  std::string servers() const {
    std::string all;
    if (const auto known = resolvers_.get()) {
      for (const auto& one : known->servers) all += one.to_string() + " ";
    }
    return all;
  }
  void run_until_servers(const std::string& wanted) {
    const auto deadline = Clock::now() + 10s;
    while (servers() != wanted && Clock::now() < deadline) io_.run_one_for(100ms);
    EXPECT_EQ(servers(), wanted);
  }

  const culvert::testing::TempDir dir_;
  const std::string path_ = (dir_.path() / "resolv.conf").string();
  boost::asio::io_context io_;
  proxy::NodeResolvers resolvers_;
  ResolvConf conf_{io_, resolvers_, true, path_};
};

TEST_F(ResolvConfTest, FollowsTheFile) {
  write("nameserver 198.18.0.53\nnameserver 2001:2::53\n");
  conf_.follow();
  EXPECT_EQ(servers(), "198.18.0.53:53 [2001:2::53]:53 ");
  write("nameserver 198.18.0.54\n");
  run_until_servers("198.18.0.54:53 ");
}

TEST_F(ResolvConfTest, AFileThatComesLaterIsRead) {
  conf_.follow();
  EXPECT_EQ(resolvers_.get(), nullptr);
  write("nameserver 198.18.0.53\n");
  run_until_servers("198.18.0.53:53 ");
  std::filesystem::remove(path_);
  io_.run_one_for(5s);
  EXPECT_EQ(servers(), "198.18.0.53:53 ") << "forgotten with the file";
}

TEST(TroubleWithResolvers, IsToldByWhatTheyAreFor) {
  const auto told = [](std::string_view text, bool answer_pods) {
    return std::string(trouble_with(dns::Resolvers::parse(text), answer_pods).consequence);
  };
  for (const bool answer_pods : {true, false})
    EXPECT_EQ(told("nameserver 127.0.0.53\nnameserver 198.18.0.53\n", answer_pods), "");
  EXPECT_EQ(told("", false), "hostnames of workloads cannot be looked up");
  EXPECT_EQ(told("nameserver 127.0.0.53\n", false), "") << "the daemon itself may ask on loopback";
  EXPECT_EQ(told("", true),
            "names that the mesh does not know cannot be looked up for pods, and hostnames of "
            "workloads not at all");
  EXPECT_EQ(told("nameserver 127.0.0.53\nnameserver ::1\n", true),
            "names that the mesh does not know cannot be looked up for pods");
}

}  // namespace
}  // namespace culvert::app
