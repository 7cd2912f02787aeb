// The agent's end of ZDS against a scripted daemon.
#include "culvert/host/netns.hpp"
#include "host/zds_server_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(ZdsServerTest, MakesAPrivateSocketInAPublicDirectory) {
  start();
  struct stat info{};
  ASSERT_EQ(::stat(options_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((directory_ / "run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0755U);
  server_.reset();
  EXPECT_NE(::stat(options_.path.c_str(), &info), 0);
}

TEST_F(ZdsServerTest, ReplacesOnlyASocketNobodyAnswersOn) {
  start();
  const auto second = ZdsServer::start(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::invalid);
  EXPECT_THAT(second.error().detail, HasSubstr(options_.path));
  server_.reset();

  options_.path = directory_ / "stale.sock";
  ASSERT_EQ(std::system(("python3 -c \"import socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_"
                         "SEQPACKET);s.bind('" +
                         options_.path + "')\"")
                            .c_str()),
            0);
  start();
}

TEST_F(ZdsServerTest, RefusesAPathThatIsNoSocket) {
  options_.path = directory_ / "file";
  ASSERT_EQ(std::system(("touch " + options_.path).c_str()), 0);
  EXPECT_EQ(ZdsServer::start(options_).error().code, Errc::invalid);
}

TEST_F(ZdsServerTest, NamesThePodsOwnResolvers) {
  start();
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "snapshot");
  auto named = pod("a");
  named.nameservers = {IpAddress::v4(198, 18, 0, 53), IpAddress::parse("2001:2::53").value()};
  auto added = std::async(std::launch::async, [&] { return server_->add(named, netns()); });
  const auto received = daemon.receive();
  ASSERT_TRUE(received);
  EXPECT_THAT(received->request.add().workload_info().nameservers(),
              ::testing::ElementsAre("198.18.0.53", "2001:2::53"));
  daemon.ack();
  EXPECT_TRUE(added.get());
}

// However long the names are that Kubernetes allows.
TEST_F(ZdsServerTest, AnAddFitsWhatDaemonsRead) {
  start();
  FakeDaemon daemon(options_.path);  // reads 1024 bytes at most
  EXPECT_EQ(daemon.serve(), "snapshot");
  PodInfo longest{std::string(128, 'u'), std::string(253, 'n'), std::string(63, 's'),
                  std::string(253, 'a')};
  longest.nameservers.assign(3, IpAddress::parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff").value());
  auto added = std::async(std::launch::async, [&] { return server_->add(longest, netns()); });
  const auto received = daemon.receive();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->request.add().workload_info().nameservers_size(), 3);
  daemon.ack();
  EXPECT_TRUE(added.get());
}

TEST_F(ZdsServerTest, SaysThatOtherDaemonsServe) {
  std::atomic<int> changes = 0;
  options_.on_change = [&] { ++changes; };
  start({"a"});
  const auto reach = [&](int count) {
    while (changes.load() < count) std::this_thread::yield();
  };
  std::optional<FakeDaemon> daemon(options_.path);
  EXPECT_EQ(daemon->serve("not now"), "add a");
  EXPECT_EQ(daemon->serve(), "snapshot");
  reach(1);
  EXPECT_EQ(daemon->serve(), "add a");
  reach(2);  // it is served after all
  daemon.reset();
  reach(3);
}

TEST_F(ZdsServerTest, SendsTheSnapshotOneByOne) {
  start({"a", "b"});
  FakeDaemon daemon(options_.path);
  auto first = daemon.receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->summary(), "add a");
  EXPECT_EQ(first->descriptors, 1);
  EXPECT_EQ(netns_id(first->netns.get()).value(), Netns::current()->id());
  EXPECT_EQ(first->request.add().workload_info().name(), "web-0");
  EXPECT_EQ(first->request.add().workload_info().namespace_(), "shop");
  EXPECT_EQ(first->request.add().workload_info().service_account(), "web");
  daemon.ack();
  EXPECT_EQ(daemon.serve(), "add b");
  const auto last = daemon.receive();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->summary(), "snapshot");
  EXPECT_EQ(last->descriptors, 0);
  EXPECT_FALSE(server_->wait_for_daemon(0ms));
  daemon.ack();
  EXPECT_TRUE(server_->wait_for_daemon(5s));
  ASSERT_EQ(server_->pods().size(), 2U);
  EXPECT_TRUE(server_->pods()[0].up);
}

TEST_F(ZdsServerTest, AsksToKeepWhatIsNotFoundUntilItIs) {
  std::vector<RestoredPod> pods;
  pods.push_back({pod("a"), UniqueFd()});
  pods.push_back({pod("b"), netns()});
  server_ = *ZdsServer::start(options_, std::move(pods));
  FakeDaemon daemon(options_.path);
  const auto first = daemon.receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->summary(), "keep a");
  EXPECT_EQ(first->descriptors, 0);
  daemon.ack();
  EXPECT_EQ(daemon.serve(), "add b");
  EXPECT_EQ(daemon.serve(), "snapshot");
  EXPECT_TRUE(server_->wait_for_daemon(5s));
  EXPECT_FALSE(server_->pods()[0].up);
  EXPECT_THAT(server_->pods()[0].error, HasSubstr("not found"));
  auto added = add("a");
  EXPECT_EQ(daemon.serve(), "add a");
  EXPECT_TRUE(added.get());
  EXPECT_TRUE(server_->pods()[0].up);
}

TEST_F(ZdsServerTest, AddsAndDeletesAfterTheSnapshot) {
  start();
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "snapshot");
  auto added = add("a");
  EXPECT_EQ(daemon.serve(), "add a");
  EXPECT_TRUE(added.get());
  auto deleted = del("a");
  EXPECT_EQ(daemon.serve(), "del a");
  EXPECT_TRUE(deleted.get());
  EXPECT_TRUE(server_->pods().empty());
}

TEST_F(ZdsServerTest, SaysWhenNoDaemonIsThereAndRemembersThePod) {
  start();
  const auto added = server_->add(pod("a"), netns());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::unavailable);
  EXPECT_THAT(added.error().detail, HasSubstr("INPOD_UDS"));
  EXPECT_TRUE(server_->del("unknown"));
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "add a");
}

TEST_F(ZdsServerTest, RetriesARefusedAddUntilItIsTaken) {
  start();
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "snapshot");
  auto added = add("a");
  EXPECT_EQ(daemon.serve("port in use"), "add a");
  const auto refused = added.get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_EQ(refused.error().detail, "port in use");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(daemon.serve("port in use"), "add a");
  EXPECT_EQ(daemon.serve(), "add a");
  auto deleted = del("a");
  EXPECT_EQ(daemon.serve(), "del a");
  EXPECT_TRUE(deleted.get());
}

TEST_F(ZdsServerTest, ARefusalInTheSnapshotDoesNotStopIt) {
  start({"a", "b"});
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve("no"), "add a");
  EXPECT_EQ(daemon.serve(), "add b");
}

TEST_F(ZdsServerTest, EndsASessionWithoutHello) {
  options_.hello_timeout = 10ms;
  start();
  FakeDaemon silent(options_.path, false);
  EXPECT_TRUE(silent.closed_by_peer());
}

TEST_F(ZdsServerTest, EndsASessionWithABadHello) {
  start();
  for (const auto& packet :
       {std::string("junk\xff\xff"), std::string("\x08\x07"), std::string(2000, 'x')}) {
    FakeDaemon odd(options_.path, false);
    odd.send_raw(packet);
    EXPECT_TRUE(odd.closed_by_peer());
  }
}

TEST_F(ZdsServerTest, EndsASessionThatSpeaksUnasked) {
  start();
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "snapshot");
  EXPECT_TRUE(server_->wait_for_daemon(5s));
  daemon.ack();
  EXPECT_TRUE(daemon.closed_by_peer());
}

TEST_F(ZdsServerTest, EndsASessionWhoseAckIsLate) {
  options_.ack_timeout = 10ms;
  start();
  FakeDaemon daemon(options_.path);
  ASSERT_TRUE(daemon.receive());
  EXPECT_TRUE(daemon.closed_by_peer());
}

TEST_F(ZdsServerTest, AnswersWaitersWhenTheDaemonDies) {
  start();
  FakeDaemon daemon(options_.path);
  EXPECT_EQ(daemon.serve(), "snapshot");
  auto added = add("a");
  ASSERT_TRUE(daemon.receive());
  daemon.close();
  EXPECT_FALSE(added.get());
  FakeDaemon next(options_.path);
  EXPECT_EQ(next.serve(), "add a");
}

TEST_F(ZdsServerTest, EndsWhileADaemonIsSilent) {
  start();
  FakeDaemon daemon(options_.path);
  ASSERT_TRUE(daemon.receive());
  server_.reset();
  EXPECT_TRUE(daemon.closed_by_peer());
}

}  // namespace
}  // namespace culvert::host::testing
