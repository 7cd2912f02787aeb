// Two daemons at once: one that goes, and its successor.
#include "host/zds_server_fixture.hpp"

namespace culvert::host::testing {
namespace {

TEST_F(ZdsServerTest, AddsToTheNewestAndDeletesFromAll) {
  start();
  FakeDaemon older(options_.path);
  EXPECT_EQ(older.serve(), "snapshot");
  FakeDaemon newer(options_.path);
  EXPECT_EQ(newer.serve(), "snapshot");
  auto added = add("a");
  EXPECT_EQ(newer.serve(), "add a");
  EXPECT_TRUE(added.get());
  auto deleted = del("a");
  EXPECT_EQ(older.serve(), "del a");
  EXPECT_EQ(newer.serve(), "del a");
  EXPECT_TRUE(deleted.get());
}

TEST_F(ZdsServerTest, FallsBackToTheOlderWhenTheNewestGoes) {
  start();
  FakeDaemon older(options_.path);
  EXPECT_EQ(older.serve(), "snapshot");
  {
    FakeDaemon newer(options_.path);
    EXPECT_EQ(newer.serve(), "snapshot");
    EXPECT_EQ(server_->daemons(), 2U);
  }
  while (server_->daemons() != 1) std::this_thread::yield();
  auto added = add("a");
  EXPECT_EQ(older.serve(), "add a");
  EXPECT_TRUE(added.get());
}

TEST_F(ZdsServerTest, TellsTheOlderWhatOnlyTheNewestKnew) {
  start();
  FakeDaemon older(options_.path);
  EXPECT_EQ(older.serve(), "snapshot");
  {
    FakeDaemon newer(options_.path);
    EXPECT_EQ(newer.serve(), "snapshot");
    EXPECT_TRUE(server_->wait_for_daemon(5s));
    auto added = add("a");
    EXPECT_EQ(newer.serve(), "add a");
    EXPECT_TRUE(added.get());
  }
  EXPECT_EQ(older.serve(), "add a");
  while (!server_->pods().at(0).up) std::this_thread::yield();
  EXPECT_TRUE(server_->wait_for_daemon(5s));
}

// A successor that crashed and is back has the pod, whatever the older one says afterwards.
TEST_F(ZdsServerTest, ALateAnswerOfTheOlderChangesNothing) {
  start();
  FakeDaemon older(options_.path);
  EXPECT_EQ(older.serve(), "snapshot");
  {
    FakeDaemon newer(options_.path);
    EXPECT_EQ(newer.serve(), "snapshot");
    auto added = add("a");
    EXPECT_EQ(newer.serve(), "add a");
    EXPECT_TRUE(added.get());
  }
  while (server_->daemons() != 1) std::this_thread::yield();
  FakeDaemon again(options_.path);
  EXPECT_EQ(again.serve(), "add a");
  EXPECT_EQ(again.serve(), "snapshot");
  while (!server_->pods().at(0).up) std::this_thread::yield();
  EXPECT_EQ(older.serve(), "add a");
  EXPECT_EQ(server_->daemons(), 2U);
  std::this_thread::sleep_for(50ms);  // for its answer to be read
  EXPECT_TRUE(server_->pods().at(0).up);
}

}  // namespace
}  // namespace culvert::host::testing
