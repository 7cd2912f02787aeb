// Streams that end while their session goes on: reset, dropped before they began, and from inside
// events.
#include "h2/both.hpp"

#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

TEST(Shutdown, RequestsBeyondThePeersLimitWaitAndCanBeDropped) {
  FrameBuffer buffer;
  Settings one;
  one.max_concurrent_streams = 1;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer, one);
  pump(client, server);
  auto& first = client.connect("1");
  auto& dropped = client.connect("2");
  auto& waiting = client.connect("3");
  pump(client, server);
  EXPECT_EQ(server.streams.size(), 1U);
  EXPECT_EQ(client.session.active_streams(), 3U);
  client.session.reset(dropped.id(), ErrorCode::cancel);
  client.session.reset(dropped.id(), ErrorCode::cancel);
  EXPECT_TRUE(client.session.wants_write());
  pump(client, server);
  EXPECT_EQ(dropped.closes, 1);
  dropped.session = nullptr;
  client.session.reset(first.id(), ErrorCode::cancel);
  pump(client, server);
  EXPECT_EQ(first.closes, 1);
  EXPECT_EQ(server.streams.size(), 2U);
  EXPECT_EQ(server.streams.back()->received, "3");
  EXPECT_EQ(waiting.closes, 0);
  EXPECT_EQ(dropped.closes, 1);
}

TEST(Shutdown, ResetCodesPassThrough) {
  for (const auto code : {ErrorCode::no_error, ErrorCode::cancel, ErrorCode::connect_error,
                          ErrorCode::stream_closed, static_cast<ErrorCode>(0x1234)}) {
    Both both;
    auto& stream = both.client.connect("x");
    pump(both.client, both.server);
    both.server.session.reset(stream.id(), code);
    pump(both.client, both.server);
    EXPECT_EQ(stream.code, code);
    EXPECT_EQ(both.server.streams[0]->code, code);
  }
}

TEST(Shutdown, NothingButCloseFollowsReset) {
  Both both;
  auto& stream = both.client.connect();
  pump(both.client, both.server);
  auto& other = *both.server.streams[0];
  other.to_send = "late";
  other.end = true;
  both.server.session.resume(other.id());
  const auto late = both.server.drain();
  stream.to_send = "unsent";
  both.client.session.resume(stream.id());
  both.client.session.reset(stream.id(), ErrorCode::cancel);
  both.client.take(as_bytes(late));
  EXPECT_EQ(stream.received_size, 0U);
  EXPECT_EQ(stream.ends, 0);
  pump(both.client, both.server);
  EXPECT_EQ(stream.to_send, "unsent");
  EXPECT_EQ(stream.closes, 1);
}

TEST(Shutdown, SessionMethodsWorkInsideEvents) {
  Both both;
  both.server.answer = [](Peer& self, const Request& request) {
    auto& stream = self.stream();
    stream.when_data = [&self](Recorder& one) {
      one.to_send = "answer";
      one.end = true;
      self.session.resume(one.id());
      self.session.ping();
      self.session.reset(999, ErrorCode::cancel);
    };
    self.session.respond(request.id, 200, {}, false);
    return &stream;
  };
  // Closing one stream opens the next, from inside on_close.
  auto& first = both.client.connect("question", true);
  first.when_closed = [&](Recorder&) { both.client.connect("again", true); };
  pump(both.client, both.server);
  ASSERT_EQ(both.client.streams.size(), 2U);
  for (const auto& stream : both.client.streams) {
    EXPECT_EQ(stream->received, "answer");
    EXPECT_EQ(stream->closes, 1);
    EXPECT_EQ(stream->code, ErrorCode::no_error);
  }
  EXPECT_GE(both.server.ping_acks, 1);
}

TEST(Shutdown, ResetInsideDataAndRequest) {
  Both both;
  auto& a = both.client.connect("data");
  both.server.answer = [](Peer& self, const Request& request) {
    auto& stream = self.stream();
    if (request.id == 3) self.session.reset(request.id, ErrorCode::connect_error);
    stream.when_data = [&self](Recorder& one) {
      self.session.reset(one.id(), ErrorCode::internal_error);
    };
    self.session.respond(request.id, 200, {}, false);
    return &stream;
  };
  auto& b = both.client.connect("data");
  pump(both.client, both.server);
  EXPECT_EQ(a.code, ErrorCode::internal_error);
  EXPECT_EQ(b.code, ErrorCode::connect_error);
  EXPECT_EQ(both.server.streams[1]->received_size, 0U);
  EXPECT_EQ(both.server.streams[0]->closes + both.server.streams[1]->closes, 2);
}

TEST(Shutdown, StreamsMayDeleteThemselvesInClose) {
  struct Mortal final : Stream {
    explicit Mortal(int& count) : alive(count) { ++alive; }
    ~Mortal() override { --alive; }
    Produced produce(MutableBytes) override { return {}; }
    void on_headers(int, std::span<const Header>) override {}
    void on_data(Bytes) override {}
    void on_end() override {}
    void on_close(ErrorCode) override { delete this; }
    int& alive;
  };
  int alive = 0;
  {
    Both both;
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(both.client.session.connect("a:1", {}, *new Mortal(alive)).has_value());
    EXPECT_EQ(alive, 5);
    pump(both.client, both.server);
    both.server.session.reset(1, ErrorCode::cancel);
    both.client.session.reset(3, ErrorCode::cancel);
    pump(both.client, both.server);
    EXPECT_EQ(alive, 3);
    both.client.session.close(ErrorCode::cancel);
    EXPECT_EQ(alive, 0);
    ASSERT_TRUE(both.server.session.active_streams() > 0);
  }
}

}  // namespace
}  // namespace culvert::h2::test
