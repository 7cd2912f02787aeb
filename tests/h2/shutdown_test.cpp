// Sessions that end: gracefully, with a last word, abruptly.
#include "h2/both.hpp"
#include "h2/inside.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Shutdown, GracefulServerLetsStreamsFinish) {
  Both both;
  auto& stream = both.client.connect();
  pump(both.client, both.server);
  both.server.session.shut_down();
  both.server.session.shut_down();
  EXPECT_TRUE(both.server.session.going_away());
  // A request that crosses the first GOAWAY is still served.
  auto& crossing = both.client.connect();
  pump(both.client, both.server);
  EXPECT_EQ(both.server.streams.size(), 2U);
  EXPECT_THAT(both.client.goaways, ElementsAre(Pair(0x7fffffff, ErrorCode::no_error),
                                               Pair(crossing.id(), ErrorCode::no_error)));
  EXPECT_TRUE(both.client.session.going_away());
  auto& late = both.client.stream();
  const auto result = both.client.session.connect("a:1", {}, late);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Errc::unavailable);
  for (auto* one : {&stream, &crossing}) {
    one->to_send = "still here";
    one->end = true;
    both.client.session.resume(one->id());
  }
  for (auto& one : both.server.streams) {
    one->end = true;
    both.server.session.resume(one->id());
  }
  EXPECT_FALSE(both.server.session.finished());
  pump(both.client, both.server);
  EXPECT_EQ(both.server.streams[0]->received, "still here");
  EXPECT_EQ(stream.code, ErrorCode::no_error);
  EXPECT_EQ(stream.closes, 1);
  EXPECT_TRUE(both.server.session.finished());
  EXPECT_TRUE(both.client.session.finished());
}

TEST(Shutdown, ClientSaysGoodbye) {
  Both both;
  auto& stream = both.client.connect("x", true);
  both.client.session.shut_down();
  pump(both.client, both.server);
  EXPECT_EQ(both.server.streams.size(), 1U);
  EXPECT_EQ(both.server.goaways.size(), 1U);
  both.server.streams[0]->end = true;
  both.server.session.resume(stream.id());
  pump(both.client, both.server);
  EXPECT_EQ(stream.closes, 1);
  EXPECT_TRUE(both.client.session.finished());
  EXPECT_TRUE(both.server.session.finished());
}

TEST(Shutdown, AnOrderlyEndIsNoFailure) {
  Both both;
  both.client.session.shut_down();
  both.server.session.go_away(ErrorCode::enhance_your_calm);  // the owner's own reason
  pump(both.client, both.server);
  for (auto* const session : {&both.client.session, &both.server.session}) {
    EXPECT_TRUE(session->finished());
    EXPECT_EQ(session->failure(), nullptr);
  }
}

// 2^30 requests are days of a busy tunnel. The last one is served like any other.
TEST(Shutdown, ClientWhoseIdsAreUsedUpSaysGoodbye) {
  Both both;
  SessionInside::set_next_id(both.client.session, 0x7ffffffd);
  auto& last_but_one = both.client.connect("x", true);
  EXPECT_FALSE(both.client.session.going_away());
  auto& last = both.client.connect("y", true);
  EXPECT_EQ(last.id(), 0x7fffffff);
  EXPECT_TRUE(both.client.session.going_away());
  auto& late = both.client.stream();
  EXPECT_EQ(both.client.session.connect("a:1", {}, late).error().code, Errc::unavailable);
  pump(both.client, both.server);
  EXPECT_EQ(both.server.goaways.size(), 1U);
  ASSERT_EQ(both.server.streams.size(), 2U);
  for (const auto& stream : both.server.streams) {
    stream->to_send = "answer";
    stream->end = true;
    both.server.session.resume(stream->id());
  }
  pump(both.client, both.server);
  for (const auto* const stream : {&last_but_one, &last}) {
    EXPECT_EQ(stream->received, "answer");
    EXPECT_EQ(stream->code, ErrorCode::no_error);
  }
  EXPECT_TRUE(both.client.session.finished());
  EXPECT_EQ(both.client.session.failure(), nullptr);
}

TEST(Shutdown, FinalGoawayRefusesStreamsUnderWay) {
  Both both;
  both.server.session.go_away(ErrorCode::no_error);
  auto& stream = both.client.connect("x");
  const auto request = both.client.drain();
  const auto goaway = both.server.drain();
  both.server.take(as_bytes(request));
  EXPECT_TRUE(both.server.streams.empty());
  both.client.take(as_bytes(goaway));
  EXPECT_EQ(stream.closes, 1);
  EXPECT_EQ(stream.code, ErrorCode::refused_stream);
  EXPECT_TRUE(both.client.session.finished());
}

TEST(Shutdown, CloseEndsEveryStreamOnce) {
  Both both;
  auto& a = both.client.connect("x");
  auto& b = both.client.connect("y");
  pump(both.client, both.server);
  both.client.session.close(ErrorCode::internal_error);
  EXPECT_EQ(a.closes, 1);
  EXPECT_EQ(b.code, ErrorCode::internal_error);
  EXPECT_TRUE(both.client.session.finished());
  EXPECT_TRUE(both.client.session.next().empty());
  EXPECT_TRUE(both.client.session.receive(as_bytes("x"), {}).has_value());
  both.client.session.reset(1, ErrorCode::cancel);
  both.client.session.resume(1);
  both.client.session.consumed(1, 1);
  both.client.session.ping();
  both.client.session.shut_down();
  EXPECT_EQ(a.closes, 1);
}

TEST(Shutdown, DestructorClosesWhatIsLeft) {
  FrameBuffer buffer;
  Recorder stream;
  {
    Peer client(Role::client, buffer);
    ASSERT_TRUE(client.session.connect("a:1", {}, stream).has_value());
  }
  EXPECT_EQ(stream.closes, 1);
  EXPECT_EQ(stream.code, ErrorCode::cancel);
  EXPECT_EQ(stream.id(), 0);
}

// A limit of none: what waits for room would wait for ever, what is open lives on.
TEST(Shutdown, RequestsThatWaitHearOfALimitOfNone) {
  FrameBuffer buffer;
  Settings one;
  one.max_concurrent_streams = 1;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer, one);
  pump(client, server);
  auto& first = client.connect("1");
  auto& waiting = client.connect("2");
  pump(client, server);
  client.take(as_bytes(frame(kSettings, 0, 0, std::string_view("\0\3\0\0\0\0", 6))));
  EXPECT_EQ(waiting.closes, 1);
  EXPECT_EQ(waiting.code, ErrorCode::refused_stream);
  EXPECT_EQ(first.closes, 0);
  EXPECT_FALSE(client.session.going_away());
  waiting.session = nullptr;
  pump(client, server);
  EXPECT_FALSE(client.failed);
  EXPECT_EQ(server.streams.size(), 1U);
}

// What the limit held back can never go out any more: whoever waits hears of it at once, though
// the streams that fill the limit live on.
TEST(Shutdown, RequestsThatWaitHearOfAGoaway) {
  FrameBuffer buffer;
  Settings one;
  one.max_concurrent_streams = 1;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer, one);
  pump(client, server);
  auto& first = client.connect("1");
  auto& waiting = client.connect("2");
  auto& dropped = client.connect("3");
  pump(client, server);
  client.session.reset(dropped.id(), ErrorCode::cancel);
  server.session.shut_down();
  client.take(as_bytes(server.drain()));
  EXPECT_EQ(waiting.closes, 1);
  EXPECT_EQ(waiting.code, ErrorCode::refused_stream);
  waiting.session = nullptr;
  pump(client, server);
  EXPECT_EQ(dropped.closes, 1);
  EXPECT_EQ(dropped.code, ErrorCode::cancel);
  EXPECT_EQ(first.closes, 0);
  EXPECT_EQ(client.session.active_streams(), 1U);
  EXPECT_EQ(server.streams.size(), 1U);
  first.session->reset(first.id(), ErrorCode::cancel);
  pump(client, server);
  EXPECT_TRUE(client.session.finished());
  EXPECT_EQ(client.session.failure(), nullptr);
}

}  // namespace
}  // namespace culvert::h2::test
