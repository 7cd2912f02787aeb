#include "control/zds/session.hpp"

#include "proto/zds.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace zds = istio::workload::zds;

ReceivedNetns netns(ino_t inode, dev_t device = 4) {
  return {std::make_shared<UniqueFd>(), {device, inode}};
}

// A session with an agent's view of it: requests by name, actions as text.
class ZdsSessionTest : public ::testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  static std::string show(const ZdsSession::Send& send) {
    zds::WorkloadResponse response;
    if (!response.ParseFromString(send.packet) || !response.has_ack()) return "hello";
    return response.ack().error().empty() ? "ack" : "nack " + response.ack().error();
  }
  std::string show(const ZdsSession::Start& start) {
    token_ = start.token;
    return "start " + start.uid;
  }
  static std::string show(const ZdsSession::Stop& stop) { return "stop " + stop.uid; }
  static std::string show(const ZdsSession::Disconnect&) { return "disconnect"; }

  Lines lines(const ZdsSession::Actions& actions) {
    Lines out;
    for (const auto& action : actions)
      out.push_back(std::visit([this](const auto& a) { return this->show(a); }, action));
    return out;
  }
  Lines add(const std::string& uid, ReceivedNetns from, const std::string& account = "default") {
    zds::WorkloadRequest request;
    request.mutable_add()->set_uid(uid);
    request.mutable_add()->mutable_workload_info()->set_name(uid + "-name");
    request.mutable_add()->mutable_workload_info()->set_service_account(account);
    return packet(request, std::move(from));
  }
  Lines del(const std::string& uid) {
    zds::WorkloadRequest request;
    request.mutable_del()->set_uid(uid);
    return packet(request);
  }
  Lines keep(const std::string& uid) {
    zds::WorkloadRequest request;
    request.mutable_keep()->set_uid(uid);
    return packet(request);
  }
  Lines snapshot() {
    zds::WorkloadRequest request;
    request.mutable_snapshot_sent();
    return packet(request);
  }
  Lines packet(const zds::WorkloadRequest& request, std::optional<ReceivedNetns> from = {}) {
    EXPECT_FALSE(session_.owes_ack()) << "a request before the last was answered";
    return lines(session_.on_packet(now_, as_bytes(request.SerializeAsString()), std::move(from)));
  }
  Lines started(std::optional<Error> error = {}) {
    return lines(session_.on_started(now_, token_, error ? Result<void>(*error) : Result<void>()));
  }
  Lines time(Duration later) { return lines(session_.on_time(now_ += later)); }
  Lines connect() { return lines(session_.on_connected()); }
  // A pod that is up.
  void bring_up(const std::string& uid, ReceivedNetns from) {
    ASSERT_THAT(add(uid, std::move(from)), ElementsAre("start " + uid));
    ASSERT_THAT(started(), ElementsAre("ack"));
  }

  TimePoint now_{};
  ZdsSession session_;
  std::uint64_t token_ = 0;
};

TEST_F(ZdsSessionTest, AcksAnAddOnlyWhenThePodIsUp) {
  EXPECT_THAT(connect(), ElementsAre("hello"));
  EXPECT_THAT(add("a", netns(1)), ElementsAre("start a"));
  EXPECT_TRUE(session_.owes_ack());
  EXPECT_THAT(started(), ElementsAre("ack"));
  EXPECT_FALSE(session_.owes_ack());
  EXPECT_FALSE(session_.ready());
  EXPECT_THAT(snapshot(), ElementsAre("ack"));
  EXPECT_TRUE(session_.ready());
  EXPECT_EQ(session_.active(), 1U);
  const auto pods = session_.pods();
  ASSERT_EQ(pods.size(), 1U);
  EXPECT_EQ(pods[0].info.name, "a-name");
  EXPECT_EQ(pods[0].state, PodStatus::State::up);
}

TEST_F(ZdsSessionTest, SameNamespaceAgainIsOnlyAcked) {
  connect();
  bring_up("a", netns(1));
  EXPECT_THAT(add("a", netns(1)), ElementsAre("ack"));
  EXPECT_EQ(session_.totals().started, 1U);
}

// Its connections would be cut for a change that concerns none of them.
TEST_F(ZdsSessionTest, OtherNameserversAreNotAnotherPod) {
  connect();
  bring_up("a", netns(1));
  zds::WorkloadRequest request;
  request.mutable_add()->set_uid("a");
  auto* info = request.mutable_add()->mutable_workload_info();
  info->set_name("a-name");
  info->set_service_account("default");
  info->add_nameservers("198.18.0.53");
  EXPECT_THAT(packet(request, netns(1)), ElementsAre("ack"));
  EXPECT_EQ(session_.totals().stopped, 0U);
}

TEST_F(ZdsSessionTest, AnotherNamespaceReplacesThePod) {
  connect();
  bring_up("a", netns(1));
  EXPECT_THAT(add("a", netns(2)), ElementsAre("stop a", "start a"));
  EXPECT_THAT(started(), ElementsAre("ack"));
  EXPECT_THAT(add("a", netns(2, 5)), ElementsAre("stop a", "start a"))
      << "same inode, other device";
}

// Else it would go on as who it was.
TEST_F(ZdsSessionTest, AnotherWorkloadReplacesThePod) {
  connect();
  bring_up("a", netns(1));
  EXPECT_THAT(add("a", netns(1), "somebody-else"), ElementsAre("stop a", "start a"));
  EXPECT_THAT(started(), ElementsAre("ack"));
}

TEST_F(ZdsSessionTest, DelStopsAtOnceAndForgivesUnknownPods) {
  connect();
  bring_up("a", netns(1));
  snapshot();
  EXPECT_THAT(del("a"), ElementsAre("stop a", "ack"));
  EXPECT_THAT(del("a"), ElementsAre("ack"));
  EXPECT_EQ(session_.totals().stopped, 1U);
  EXPECT_TRUE(session_.ready());
}

TEST_F(ZdsSessionTest, SnapshotStopsWhatWasNotMentioned) {
  connect();
  bring_up("added", netns(1));
  bring_up("kept", netns(2));
  bring_up("gone", netns(3));
  snapshot();
  session_.on_disconnected();
  EXPECT_FALSE(session_.ready());
  EXPECT_EQ(session_.active(), 3U) << "pods outlive the connection";
  connect();
  EXPECT_THAT(add("added", netns(1)), ElementsAre("ack"));
  EXPECT_THAT(keep("kept"), ElementsAre("ack"));
  EXPECT_THAT(keep("never seen"), ElementsAre("ack"));
  EXPECT_FALSE(session_.ready());
  EXPECT_THAT(snapshot(), ElementsAre("stop gone", "ack"));
  EXPECT_TRUE(session_.ready());
  EXPECT_EQ(session_.active(), 2U);
}

TEST_F(ZdsSessionTest, DeletedBeforeTheSnapshotIsNotMentioned) {
  connect();
  bring_up("a", netns(1));
  EXPECT_THAT(del("a"), ElementsAre("stop a", "ack"));
  EXPECT_THAT(snapshot(), ElementsAre("ack"));
  EXPECT_THAT(session_.pods(), IsEmpty());
}

TEST_F(ZdsSessionTest, AFailedStartIsNackedAndTriedAgain) {
  connect();
  EXPECT_THAT(add("a", netns(1)), ElementsAre("start a"));
  EXPECT_THAT(started(fail(Errc::io, "port 15008 is in use")),
              ElementsAre("nack failure to start proxy: port 15008 is in use"));
  snapshot();
  EXPECT_FALSE(session_.ready());
  EXPECT_EQ(session_.pending(), 1U);
  EXPECT_THAT(time(4999ms), IsEmpty());
  EXPECT_THAT(time(1ms), ElementsAre("start a"));
  EXPECT_THAT(time(5s), IsEmpty()) << "already starting";
  EXPECT_THAT(started(fail(Errc::io, "still in use")), IsEmpty()) << "the agent has its answer";
  ASSERT_TRUE(session_.deadline().has_value());
  EXPECT_EQ(*session_.deadline(), now_ + 5s);
  EXPECT_THAT(time(5s), ElementsAre("start a"));
  EXPECT_THAT(started(), IsEmpty());
  EXPECT_TRUE(session_.ready());
  EXPECT_FALSE(session_.deadline().has_value());
}

TEST_F(ZdsSessionTest, AnAgentThatInsistsIsTriedAtOnce) {
  connect();
  add("a", netns(1));
  started(fail(Errc::io, "x"));
  EXPECT_THAT(add("a", netns(1)), ElementsAre("start a"));
  EXPECT_THAT(started(), ElementsAre("ack"));
}

TEST_F(ZdsSessionTest, ADeletedPendingPodIsNotTriedAgain) {
  connect();
  add("a", netns(1));
  started(fail(Errc::io, "x"));
  EXPECT_THAT(del("a"), ElementsAre("ack"));
  EXPECT_THAT(time(10s), IsEmpty());
  snapshot();
  EXPECT_TRUE(session_.ready());
}

TEST_F(ZdsSessionTest, ASlowStartIsAnsweredBeforeTheAgentGivesUp) {
  connect();
  add("a", netns(1));
  ASSERT_EQ(session_.deadline(), now_ + 4s);
  EXPECT_THAT(time(4s), ElementsAre("nack failure to start proxy: still starting"));
  EXPECT_FALSE(session_.owes_ack());
  EXPECT_THAT(snapshot(), ElementsAre("ack"));
  EXPECT_FALSE(session_.ready());
  EXPECT_THAT(started(), IsEmpty());
  EXPECT_TRUE(session_.ready());
}

TEST_F(ZdsSessionTest, AnAddDuringASlowStartWaitsForIt) {
  connect();
  add("a", netns(1));
  time(4s);
  EXPECT_THAT(add("a", netns(1)), IsEmpty());
  EXPECT_TRUE(session_.owes_ack());
  EXPECT_THAT(started(), ElementsAre("ack"));
}

TEST_F(ZdsSessionTest, AReplacedStartIsAbandoned) {
  connect();
  add("a", netns(1));
  const auto old = token_;
  time(4s);
  EXPECT_THAT(add("a", netns(2)), ElementsAre("stop a", "start a"));
  EXPECT_THAT(lines(session_.on_started(now_, old, {})), IsEmpty());
  EXPECT_TRUE(session_.owes_ack());
  EXPECT_EQ(session_.active(), 0U);
  EXPECT_THAT(started(), ElementsAre("ack"));
}

TEST_F(ZdsSessionTest, AStartSurvivesTheConnection) {
  connect();
  add("a", netns(1));
  session_.on_disconnected();
  EXPECT_THAT(started(), IsEmpty());
  EXPECT_EQ(session_.active(), 1U);
}

TEST_F(ZdsSessionTest, ProtocolErrorsEndTheConnectionAndNothingElse) {
  connect();
  bring_up("a", netns(1));
  snapshot();
  EXPECT_THAT(keep("a"), ElementsAre("nack keep after the snapshot", "disconnect"));
  EXPECT_THAT(snapshot(), ElementsAre("nack second snapshot", "disconnect"));
  EXPECT_THAT(lines(session_.on_bad_packet("cut off")), ElementsAre("nack cut off", "disconnect"));
  zds::WorkloadRequest request;
  request.mutable_add()->set_uid("b");
  EXPECT_THAT(packet(request, netns(9)),
              ElementsAre("nack add without workload info", "disconnect"));
  request.mutable_add()->mutable_workload_info();
  EXPECT_THAT(packet(request), ElementsAre("nack add without descriptor", "disconnect"));
  request.mutable_del()->set_uid("a");
  EXPECT_THAT(packet(request, netns(9)),
              ElementsAre("nack descriptor on a request but add", "disconnect"));
  EXPECT_EQ(session_.active(), 1U);
  EXPECT_EQ(session_.totals().nacked, 6U);
  EXPECT_EQ(session_.totals().malformed, 4U);
}

}  // namespace
}  // namespace culvert::control
