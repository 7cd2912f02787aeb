// The ZDS client against a real seqpacket socket: pods served, refused and kept.
#include "control/zds/client_fixture.hpp"

namespace culvert::control::test {
namespace {

TEST_F(ZdsClientTest, ServesPodsAndBecomesReady) {
  connect();
  EXPECT_EQ(add("a"), "ack");
  ASSERT_EQ(pods_.running.size(), 1U);
  EXPECT_EQ(::fcntl(pods_.running["a"]->get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_TRUE(client_->ready());
  EXPECT_EQ(ready_, 1);
  EXPECT_EQ(client_->pods().at(0).state, PodStatus::State::up);
}

TEST_F(ZdsClientTest, WaitsForAnAgentThatIsNotThereYet) {
  client_.emplace(io_, path_, pods_, events_);
  client_->start();
  io_.run_for(1ms);
  agent_.emplace(path_);
  accept();
}

TEST_F(ZdsClientTest, AnswersOneRequestAtATime) {
  connect();
  pods_.hold = true;
  agent_->send(add_of("a"), {netns_.get()});
  run_until([&] { return pods_.held != nullptr; });
  zds::WorkloadRequest del;
  del.mutable_del()->set_uid("other");
  agent_->send(del);
  io_.restart();
  io_.poll();
  EXPECT_FALSE(agent_->has_answer());
  pods_.held({});
  EXPECT_EQ(answer(), "ack");
  EXPECT_EQ(answer(), "ack");
}

TEST_F(ZdsClientTest, RefusedPodsArePending) {
  connect();
  pods_.refuse.insert("a");
  EXPECT_EQ(add("a"), "nack failure to start proxy: port in use");
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(client_->pods().at(0).state, PodStatus::State::pending);
}

TEST_F(ZdsClientTest, ReconnectKeepsPodsAndReconciles) {
  connect();
  add("a");
  add("b");
  snapshot();
  agent_->close();
  run_until([&] { return !client_->ready(); });
  EXPECT_EQ(pods_.running.size(), 2U);
  accept();
  zds::WorkloadRequest keep;
  keep.mutable_keep()->set_uid("a");
  EXPECT_EQ(ask(keep), "ack");
  EXPECT_EQ(pods_.running.size(), 2U);
  EXPECT_EQ(snapshot(), "ack");
  EXPECT_EQ(pods_.running.size(), 1U);
  EXPECT_TRUE(client_->ready());
  EXPECT_EQ(ready_, 1) << "reported once";
}

TEST_F(ZdsClientTest, DrainClosesAtOnceAndKeepsPods) {
  connect();
  add("a");
  snapshot();
  client_->drain();
  EXPECT_FALSE(client_->ready());
  EXPECT_EQ(answer(), "eof");
  io_.restart();
  io_.run_for(50ms);
  EXPECT_FALSE(agent_->waiting()) << "does not come back";
  EXPECT_EQ(pods_.running.size(), 1U);
}

}  // namespace
}  // namespace culvert::control::test
