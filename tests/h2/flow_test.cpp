// Flow control: nobody who does not read may cost a neighbour anything, and no byte may be lost to
// a window for good.
#include "h2/peers.hpp"

#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

TEST(Flow, LargeFramesAreUsedWhenThePeerAllowsThem) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  pump(client, server);
  auto& stream = client.connect(std::string(3U << 20, 'x'), true);
  pump(client, server, 1U << 20);
  EXPECT_EQ(stream.largest_offer, 256U << 10);
  EXPECT_EQ(server.streams.at(0)->received_size, 3U << 20);
}

TEST(Flow, FramesOfOneMebibyteAreTaken) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.drain();
  server.take(as_bytes(hello() + frame(kSettings, kAck, 0, {}) + connect_frame(1)));
  for (int i = 0; i < 8; ++i) {
    server.take(as_bytes(frame(kData, 0, 1, std::string(1U << 20, 'x'))));
    server.drain();
  }
  EXPECT_FALSE(server.failed) << server.error;
  EXPECT_EQ(server.streams.at(0)->received_size, 8U << 20);
  server.take(as_bytes(frame(kData, 0, 1, std::string((1U << 20) + 1, 'x'))));
  EXPECT_EQ(goaway_code(frames(server.drain())), ErrorCode::frame_size_error);
}

TEST(Flow, PeerWithDefaultSettingsGetsSmallFrames) {
  FrameBuffer buffer;
  Settings small;
  small.stream_window = 65535;
  small.connection_window = 65535;
  small.max_frame_size = 16384;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer, small);
  auto& stream = client.connect(std::string(500000, 'x'), true);
  pump(client, server);
  EXPECT_EQ(stream.largest_offer, 16384U);
  EXPECT_EQ(server.streams.at(0)->received_size, 500000U);
  EXPECT_EQ(stream.ends, 0);
  EXPECT_EQ(server.streams.at(0)->ends, 1);
}

TEST(Flow, UnreadStreamsDoNotStopTheirNeighbours) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  server.answer = [](Peer& self, const Request& request) {
    auto& stream = self.stream();
    stream.keep = false;
    stream.consume = self.streams.size() > 20;  // the first twenty are never read
    self.session.respond(request.id, 200, {}, false);
    return &stream;
  };
  for (int i = 0; i < 20; ++i) client.connect(std::string(6U << 20, 'x'));
  pump(client, server, 1U << 20);
  for (const auto& stream : server.streams) EXPECT_EQ(stream->received_size, 4U << 20);
  client.connect(std::string(20U << 20, 'x'), true);
  pump(client, server, 1U << 20);
  EXPECT_EQ(server.streams.back()->received_size, 20U << 20);
  EXPECT_EQ(server.streams.back()->ends, 1);
  // Reading at last lets the first one go on.
  server.session.consumed(server.streams[0]->id(), 4U << 20);
  pump(client, server, 1U << 20);
  EXPECT_EQ(server.streams[0]->received_size, 6U << 20);
}

TEST(Flow, AThousandAbortedStreamsLeakNoCredit) {
  FrameBuffer buffer;
  Settings settings = Settings::defaults(Role::server);
  settings.stream_window = 65536;
  settings.connection_window = 262144;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer, settings);
  server.answer = [](Peer& self, const Request& request) {
    auto& stream = self.stream();
    stream.consume = false;
    stream.keep = false;
    self.session.respond(request.id, 200, {}, false);
    return &stream;
  };
  for (int i = 0; i < 1000; ++i) {
    auto& stream = client.connect(std::string(100000, 'x'));
    stream.step = 10000;
    if (i % 2 == 0) {
      pump(client, server);
      // The server aborts while the client's bytes are under way.
      server.session.reset(server.streams.back()->id(), ErrorCode::cancel);
      server.session.consumed(1, 100);
    } else {
      server.take(as_bytes(client.drain()));
      client.session.reset(stream.id(), ErrorCode::cancel);
    }
    pump(client, server);
    ASSERT_EQ(stream.closes, 1) << i;
    ASSERT_EQ(server.streams.back()->closes, 1) << i;
    client.streams.clear();
    server.streams.clear();
  }
  server.answer = nullptr;
  client.connect(std::string(2U << 20, 'y'), true);
  pump(client, server);
  EXPECT_FALSE(client.failed || server.failed) << server.error;
  EXPECT_EQ(server.streams.at(0)->received_size, 2U << 20);
}

TEST(Flow, PaddingIsCredited) {
  FrameBuffer buffer;
  Settings settings = Settings::defaults(Role::server);
  settings.connection_window = 65535;
  settings.stream_window = 65535;
  Peer server(Role::server, buffer, settings);
  server.drain();
  server.take(as_bytes(hello() + frame(kSettings, kAck, 0, {}) + connect_frame(1)));
  std::int64_t connection = 65535;
  std::int64_t stream = 65535;
  const auto padded = std::string(1, '\xff') + "d" + std::string(255, '\0');
  for (int i = 0; i < 20000; ++i) {
    connection -= 257;
    stream -= 257;
    ASSERT_GT(connection, 0);
    ASSERT_GT(stream, 0) << i;
    server.take(as_bytes(frame(kData, kPadded, 1, padded)));
    for (const auto& f : frames(server.drain())) {
      if (f.type != kWindow) continue;
      (f.id == 0 ? connection : stream) += number_at(f.payload, 0, 4);
    }
  }
  EXPECT_FALSE(server.failed) << server.error;
  EXPECT_EQ(server.streams.at(0)->received_size, 20000U);
}

TEST(Flow, WindowUpdatesAreCoalesced) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.drain();
  server.take(as_bytes(hello() + frame(kSettings, kAck, 0, {}) + connect_frame(1)));
  server.drain();
  std::size_t updates = 0;
  const auto chunk = frame(kData, 0, 1, std::string(16384, 'x'));
  for (int i = 0; i < 4096; ++i) {  // 64 MiB
    server.take(as_bytes(chunk));
    updates += count(frames(server.drain()), kWindow);
  }
  EXPECT_FALSE(server.failed) << server.error;
  EXPECT_LE(updates, 64U / 2 + 64U / 4);
  EXPECT_GE(updates, 64U / 16);
}

TEST(Flow, ChangedInitialWindowWakesOpenStreams) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.connect(std::string(1U << 20, 'x'));
  const auto window = [](std::uint32_t size) {
    return frame(kSettings, 0, 0, std::string("\0\4", 2) + number(size));
  };
  client.drain();
  client.take(as_bytes(window(1000) + frame(kWindow, 0, 0, number(10U << 20)) +
                       frame(kHeaders, kEndHeaders, 1, literal(":status", "200"))));
  client.drain();
  const auto sent = (1U << 20) - stream.to_send.size();
  EXPECT_EQ(sent, 65535U);  // the window that was in force before
  client.take(as_bytes(window(100000)));
  client.drain();
  EXPECT_EQ((1U << 20) - stream.to_send.size(), 100000U);
  client.take(as_bytes(window(50000)));  // negative now
  client.drain();
  EXPECT_EQ((1U << 20) - stream.to_send.size(), 100000U);
  client.take(as_bytes(window(2U << 20)));
  client.drain();
  EXPECT_TRUE(stream.to_send.empty());
  EXPECT_EQ(stream.closes, 0);
}

TEST(Flow, WindowOverflow) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.drain();
  server.take(as_bytes(hello() + connect_frame(1) + frame(kWindow, 0, 1, number(0x7fffffff))));
  const auto all = frames(server.drain());
  EXPECT_EQ(count(all, kRst), 1U);
  EXPECT_EQ(server.streams.at(0)->code, ErrorCode::flow_control_error);
  EXPECT_FALSE(server.failed);
  server.take(as_bytes(frame(kWindow, 0, 0, number(0x7fffffff))));
  EXPECT_EQ(goaway_code(frames(server.drain())), ErrorCode::flow_control_error);
  EXPECT_TRUE(server.session.finished());
}

TEST(Flow, PeerThatIgnoresTheStreamWindow) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.answer = [](Peer& self, const Request& request) {
    auto& stream = self.stream();
    stream.consume = false;
    self.session.respond(request.id, 200, {}, false);
    return &stream;
  };
  server.drain();
  server.take(as_bytes(hello() + frame(kSettings, kAck, 0, {}) + connect_frame(1)));
  for (int i = 0; i < 5; ++i) server.take(as_bytes(frame(kData, 0, 1, std::string(1U << 20, 'x'))));
  server.drain();
  EXPECT_EQ(server.streams.at(0)->code, ErrorCode::flow_control_error);
  EXPECT_LE(server.streams.at(0)->received_size, 5U << 20);
}

}  // namespace
}  // namespace culvert::h2::test
