// The descriptors that the ZDS client is sent: none of them leaks, whatever else is in the packet.
#include "control/zds/client_fixture.hpp"

#include <gmock/gmock.h>

namespace culvert::control::test {
namespace {

std::size_t open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(ZdsClientTest, BadPacketsAreNackedLeakNothingAndLeaveEverythingElse) {
  connect();
  add("a");
  snapshot();
  const auto before = open_descriptors();
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("a");
  const int fd = netns_.get();
  struct Case {
    const char* name;
    std::string bytes;
    std::vector<int> fds;
  };
  const std::vector<Case> cases{
      {"two descriptors", add_of("b").SerializeAsString(), {fd, fd}},
      {"more than there is room for", add_of("b").SerializeAsString(), std::vector<int>(40, fd)},
      {"no descriptor", add_of("b").SerializeAsString(), {}},
      {"descriptor on del", del.SerializeAsString(), {fd}},
      {"junk", "\xff\xff\xff", {}},
      {"junk with descriptor", "\xff\xff\xff", {fd}},
      {"too long", std::string(5000, 'x'), {fd}},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.name);
    agent_->send(bad.bytes, bad.fds);
    EXPECT_THAT(answer(), ::testing::StartsWith("nack "));
    EXPECT_EQ(answer(), "eof");
    agent_->close();
    accept();
    EXPECT_EQ(add("a"), "ack");
    EXPECT_EQ(snapshot(), "ack");
    EXPECT_TRUE(client_->ready());
    EXPECT_EQ(pods_.running.size(), 1U);
    EXPECT_EQ(open_descriptors(), before);
  }
  EXPECT_EQ(malformed_, static_cast<int>(cases.size()));
}

TEST_F(ZdsClientTest, NothingLeaksOverALife) {
  const auto before = open_descriptors();
  connect();
  add("a");
  add("a");
  pods_.refuse.insert("b");
  add("b");
  snapshot();
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("a");
  EXPECT_EQ(ask(del), "ack");
  del.mutable_del()->set_uid("b");
  EXPECT_EQ(ask(del), "ack");
  client_.reset();
  agent_.reset();
  EXPECT_LE(open_descriptors(), before + 3) << "Asio's own: epoll, event, timer";
}

}  // namespace
}  // namespace culvert::control::test
