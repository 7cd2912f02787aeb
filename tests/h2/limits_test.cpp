// Peers that make work for nothing, and peers that only look like it.
#include "h2/limits.hpp"

#include "h2/peers.hpp"

#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

struct Flood {
  const char* name;
  std::string unit;
  std::size_t allowed;  // so many in one go do no harm
  std::size_t fatal;
};

class Floods : public testing::TestWithParam<Flood> {};
INSTANTIATE_TEST_SUITE_P(
    All, Floods,
    testing::Values(
        Flood{"ping", frame(kPing, 0, 0, "12345678"), kMaxQueuedAcks - 1, kMaxQueuedAcks + 10},
        Flood{"settings", frame(kSettings, 0, 0, {}), kMaxQueuedAcks - 1, kMaxQueuedAcks + 10},
        Flood{"empty_data", frame(kData, 0, 1, {}), kMaxEmptyData, kMaxEmptyData + 1},
        Flood{"padding_only", frame(kData, kPadded, 1, std::string("\2\0\0", 3)), kMaxEmptyData,
              kMaxEmptyData + 1},
        Flood{"window", frame(kWindow, 0, 1, number(1)), 9000, 10100},
        Flood{"priority", frame(kPriority, 0, 1, number(0) + "x"), 9000, 10100},
        Flood{"ping_ack", frame(kPing, kAck, 0, "12345678"), 9000, 10100},
        Flood{"goaway", frame(kGoaway, 0, 0, number(0) + number(0)), 9000, 10100},
        Flood{"headers_of_a_dead_stream", connect_frame(3), 9000, 10100},
        Flood{"reset_of_a_dead_stream", frame(kRst, 0, 3, number(8)), 9000, 10100}),
    [](const auto& one) { return one.param.name; });

// Stream 1 is open, stream 3 is gone.
const std::string kOneOfTwoStreams =
    connect_frame(1) + connect_frame(3) + frame(kRst, 0, 3, number(8));

TEST_P(Floods, AreStopped) {
  const auto& flood = GetParam();
  {
    Server calm;
    calm.take(kOneOfTwoStreams);
    const auto all = calm.take(repeat(flood.unit, flood.allowed));
    EXPECT_FALSE(calm.peer.failed) << calm.peer.error;
    EXPECT_EQ(count(all, kGoaway), 0U);
  }
  Server server;
  server.take(kOneOfTwoStreams);
  const auto all = server.take(repeat(flood.unit, flood.fatal));
  EXPECT_TRUE(server.peer.failed);
  EXPECT_EQ(goaway_code(all), ErrorCode::enhance_your_calm);
  EXPECT_TRUE(server.peer.session.finished());
  EXPECT_TRUE(server.peer.session.receive(as_bytes("x"), {}).has_error());
  EXPECT_EQ(server.peer.streams.at(0)->closes, 0);
  server.peer.session.close(ErrorCode::enhance_your_calm);
  EXPECT_EQ(server.peer.streams.at(0)->closes, 1);
}

TEST(Limits, PingEveryTenSecondsForAYearIsWelcome) {
  Server server;
  for (int i = 0; i < 300000; ++i) {
    server.peer.session.ping();
    server.peer.take(as_bytes(frame(kPing, 0, 0, "12345678")));
    for (const auto& f : frames(server.peer.drain()))
      if (f.type == kPing && (f.flags & kAck) == 0)
        server.peer.take(as_bytes(frame(kPing, kAck, 0, f.payload)));
  }
  EXPECT_FALSE(server.peer.failed) << server.peer.error;
  EXPECT_EQ(server.peer.ping_acks, 300000);
}

TEST(Limits, WindowUpdatesAreFineWhileDataFlows) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.connect();
  client.drain();
  client.take(as_bytes(frame(kSettings, 0, 0, {}) +
                       frame(kHeaders, kEndHeaders, 1, literal(":status", "200"))));
  for (int i = 0; i < 50000; ++i) {
    stream.to_send = "x";
    client.session.resume(1);
    client.drain();
    client.take(as_bytes(frame(kWindow, 0, 1, number(1)) + frame(kWindow, 0, 0, number(1))));
  }
  EXPECT_FALSE(client.failed) << client.error;
}

TEST(Limits, StreamsBeyondTheLimitAreRefusedOneByOne) {
  Server server;
  std::string wire;
  for (std::uint32_t i = 0; i < 210; ++i) wire += connect_frame(2 * i + 1);
  const auto all = server.take(wire);
  EXPECT_FALSE(server.peer.failed) << server.peer.error;
  EXPECT_EQ(server.peer.streams.size(), 200U);
  EXPECT_EQ(server.peer.session.active_streams(), 200U);
  std::size_t refused = 0;
  for (const auto& f : all)
    if (f.type == kRst && number_at(f.payload, 0, 4) == 7) ++refused;
  EXPECT_EQ(refused, 10U);
  // A place that becomes free can be used.
  server.take(frame(kRst, 0, 1, number(8)));
  server.take(connect_frame(1001));
  EXPECT_EQ(server.peer.streams.size(), 201U);
}

TEST(Limits, RefusalsForAPeerThatNeverReadsAreBounded) {
  Server server;
  std::string wire;
  for (std::uint32_t i = 0; i < 5000; ++i) wire += connect_frame(2 * i + 1);
  server.peer.take(as_bytes(wire));
  const auto all = frames(server.peer.drain());
  EXPECT_TRUE(server.peer.session.finished());
  EXPECT_EQ(server.peer.streams.size(), 200U);
  EXPECT_LE(all.size(), 2000U);
}

struct Broken {
  const char* name;
  std::string wire;
};
class BrokenFrames : public testing::TestWithParam<Broken> {};
INSTANTIATE_TEST_SUITE_P(
    All, BrokenFrames,
    testing::Values(Broken{"data_on_idle", frame(kData, 0, 5, "x")},
                    Broken{"settings_size", frame(kSettings, 0, 0, "12345")},
                    Broken{"ping_size", frame(kPing, 0, 0, "1234")},
                    Broken{"window_zero", frame(kWindow, 0, 0, number(0))},
                    Broken{"even_id", connect_frame(2)},
                    Broken{"hpack", frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff")},
                    Broken{"continuation_alone", frame(kContinuation, kEndHeaders, 1, "x")},
                    Broken{"padding", frame(kHeaders, kEndHeaders | kPadded, 1, "\x7f")},
                    Broken{"push", frame(kPush, kEndHeaders, 1, number(2))},
                    Broken{"too_large", std::string("\xff\xff\xff\0\0\0\0\0\1", 9)},
                    Broken{"initial_window",
                           frame(kSettings, 0, 0, std::string("\0\4", 2) + number(0x80000000))}),
    [](const auto& one) { return one.param.name; });

TEST_P(BrokenFrames, EndTheConnection) {
  Server server;
  const auto all = server.take(GetParam().wire);
  const auto code = goaway_code(all);
  ASSERT_TRUE(code.has_value());
  EXPECT_NE(*code, ErrorCode::no_error);
  EXPECT_TRUE(server.peer.session.finished());
  ASSERT_NE(server.peer.session.failure(), nullptr);
  EXPECT_EQ(server.peer.session.failure()->code, Errc::h2);
  EXPECT_TRUE(server.peer.session.failure()->detail.starts_with(to_string(*code)));
  EXPECT_FALSE(server.peer.session.failure()->detail.ends_with(": "));
  const auto after = server.peer.session.receive(as_bytes(frame(kPing, 0, 0, "12345678")), {});
  ASSERT_TRUE(after.has_error());
  EXPECT_EQ(after.error().code, Errc::h2);
}

TEST(Limits, InterimResponsesAreBounded) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.connect();
  client.drain();
  client.take(as_bytes(frame(kSettings, 0, 0, {})));
  const auto hints = frame(kHeaders, kEndHeaders, 1, literal(":status", "103"));
  client.take(as_bytes(repeat(hints, 9000)));
  EXPECT_FALSE(client.failed) << client.error;
  client.take(as_bytes(repeat(hints, 1100)));
  EXPECT_TRUE(client.failed);
  EXPECT_EQ(stream.status, 0);
}

TEST(Limits, GoawayTextIsShortAndPrintable) {
  const auto goaway = [](const std::string& text) {
    Server server;
    server.peer.debug = "nothing came";
    server.take(frame(kGoaway, 0, 0, number(0) + number(2) + text));
    return server.peer.debug;
  };
  EXPECT_EQ(goaway("too busy"), "too busy");
  EXPECT_EQ(goaway(std::string("a\0\n\x7f\xc3", 5)), "a????");
  EXPECT_EQ(goaway(std::string(100000, 'x')), std::string(128, 'x'));
  EXPECT_EQ(goaway({}), "");
}

TEST(Limits, NotHttp2AtAll) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.drain();
  server.take(as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(server.failed);
  EXPECT_EQ(goaway_code(frames(server.drain())), ErrorCode::protocol_error);
}

}  // namespace
}  // namespace culvert::h2::test
