#include "h2/peers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

TEST(Session, ClientSpeaksFirstAsTheReferenceDoes) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  const auto wire = client.drain();
  ASSERT_TRUE(wire.starts_with(kMagic));
  const auto all = frames(wire);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].type, kSettings);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> entries;
  for (std::size_t at = 0; at < all[0].payload.size(); at += 6)
    entries.emplace_back(number_at(all[0].payload, at, 2), number_at(all[0].payload, at + 2, 4));
  EXPECT_THAT(entries,
              ElementsAre(Pair(4, 4U << 20), Pair(5, 1U << 20), Pair(6, 16384), Pair(2, 0)));
  EXPECT_EQ(all[1].type, kWindow);
  EXPECT_EQ(number_at(all[1].payload, 0, 4), (16U << 20) - 65535);
}

TEST(Session, ServerAdvertisesItsLimits) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  const auto all = frames(server.drain());
  ASSERT_EQ(all.size(), 2U);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> entries;
  for (std::size_t at = 0; at < all[0].payload.size(); at += 6)
    entries.emplace_back(number_at(all[0].payload, at, 2), number_at(all[0].payload, at + 2, 4));
  EXPECT_THAT(entries,
              ElementsAre(Pair(4, 4U << 20), Pair(5, 1U << 20), Pair(6, 65536), Pair(3, 200)));
}

class Capacity : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Wire, Capacity, testing::Values(1, 7, 16384, 1 << 22));

TEST_P(Capacity, CarriesBothWaysAndEndsInOrder) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  const auto up = pattern(300000);
  const auto down = pattern(200001);
  server.answer = [&](Peer& self, const Request& request) {
    auto& stream = self.stream();
    stream.to_send = down;
    stream.end = true;
    const Header extra[] = {{"baggage", "k=v"}};
    self.session.respond(request.id, 200, extra, false);
    return &stream;
  };
  auto& stream = client.stream();
  stream.to_send = up;
  stream.end = true;
  const Header headers[] = {{"forwarded", "for=198.18.0.9"}, {"traceparent", "00-aa"}};
  ASSERT_TRUE(client.session.connect("198.18.0.1:80", headers, stream).has_value());
  pump(client, server, GetParam());
  ASSERT_EQ(server.streams.size(), 1U);
  EXPECT_THAT(server.requests, ElementsAre("CONNECT 198.18.0.1:80 "));
  EXPECT_EQ(stream.status, 200);
  EXPECT_THAT(stream.headers, ElementsAre(Pair("baggage", "k=v")));
  for (const auto* side : {&stream, server.streams[0].get()}) {
    EXPECT_EQ(side->ends, 1);
    EXPECT_EQ(side->closes, 1);
    EXPECT_EQ(side->code, ErrorCode::no_error);
  }
  EXPECT_TRUE(stream.received == down);
  EXPECT_TRUE(server.streams[0]->received == up);
  EXPECT_EQ(client.session.active_streams(), 0U);
  EXPECT_EQ(server.session.active_streams(), 0U);
}

TEST_P(Capacity, HalfCloseLeavesTheOtherDirectionOpen) {
  for (const bool client_first : {true, false}) {
    FrameBuffer buffer;
    Peer client(Role::client, buffer);
    Peer server(Role::server, buffer);
    auto& a = client.connect("early");
    pump(client, server, GetParam());
    auto& b = *server.streams.at(0);
    auto& first = client_first ? a : b;
    auto& second = client_first ? b : a;
    first.end = true;
    first.session->resume(first.id());
    pump(client, server, GetParam());
    EXPECT_EQ(second.ends, 1);
    EXPECT_EQ(first.ends, 0);
    EXPECT_EQ(first.closes + second.closes, 0);
    const auto before = first.received.size();
    second.to_send = "later";
    second.end = true;
    second.session->resume(second.id());
    pump(client, server, GetParam());
    EXPECT_EQ(first.received.substr(before), "later");
    EXPECT_EQ(first.closes, 1);
    EXPECT_EQ(second.closes, 1);
  }
}

TEST(Session, BlockedStreamsWaitForResume) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  auto& stream = client.connect();
  pump(client, server);
  EXPECT_FALSE(client.session.wants_write());
  for (int i = 0; i < 100; ++i) {
    stream.to_send = "x";
    client.session.resume(stream.id());
    client.session.resume(stream.id());
    EXPECT_TRUE(client.session.wants_write());
    pump(client, server);
  }
  EXPECT_EQ(server.streams.at(0)->received, std::string(100, 'x'));
  EXPECT_EQ(stream.closes, 0);
}

// The bytes and the news that more came must not race: resume() after produce() said blocked, but
// before the session has looked again.
TEST(Session, ResumeInsideTheSameTurnIsNotLost) {
  for (const std::size_t size : {1U, 10000U, 100000U}) {
    FrameBuffer buffer;
    Peer client(Role::client, buffer);
    Peer server(Role::server, buffer);
    auto& stream = client.connect();
    pump(client, server);
    stream.to_send = pattern(size);
    client.session.resume(stream.id());
    const std::string first(as_text(client.session.next()));
    const auto left = stream.to_send.size();
    stream.to_send = "more";
    client.session.resume(stream.id());
    client.session.resume(stream.id());
    server.take(as_bytes(first));
    pump(client, server);
    EXPECT_EQ(server.streams.at(0)->received_size, size - left + 4);
    stream.end = true;
    client.session.resume(stream.id());
    pump(client, server);
    EXPECT_EQ(server.streams.at(0)->ends, 1);
  }
}

TEST(Session, OtherMethodsReachTheServer) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.answer = [](Peer& self, const Request& request) -> Stream* {
    self.session.respond(request.id, 400, {}, true);
    return nullptr;
  };
  server.drain();
  const auto block = literal(":method", "GET") + literal(":scheme", "http") +
                     literal(":path", "/x") + literal(":authority", "a");
  server.take(
      as_bytes(hello() + frame(kHeaders, kEndHeaders, 1, block) + frame(kData, 0, 1, "dropped")));
  EXPECT_THAT(server.requests, ElementsAre("GET a /x"));
  const auto all = frames(server.drain());
  ASSERT_EQ(count(all, kHeaders), 1U);
  // The answer is complete, the request is not: NO_ERROR tells the client to stop.
  ASSERT_EQ(count(all, kRst), 1U);
  EXPECT_EQ(number_at(all.back().payload, 0, 4), 0U);
  EXPECT_FALSE(server.session.finished());
}

TEST(Session, MalformedConnectResetsOnlyItsStream) {
  FrameBuffer buffer;
  Peer server(Role::server, buffer);
  server.drain();
  const auto block = literal(":method", "CONNECT") + literal(":path", "/") +
                     literal(":scheme", "http") + literal(":authority", "a:1");
  server.take(as_bytes(hello() + frame(kHeaders, kEndHeaders, 1, block) + connect_frame(3)));
  EXPECT_THAT(server.requests, ElementsAre("CONNECT 198.18.0.1:80 "));
  const auto all = frames(server.drain());
  EXPECT_EQ(count(all, kRst), 1U);
  EXPECT_FALSE(server.failed);
}

TEST(Session, UnansweredRequestIsRefused) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  server.answer = [](Peer&, const Request&) -> Stream* { return nullptr; };
  auto& stream = client.connect("data");
  pump(client, server);
  EXPECT_EQ(stream.closes, 1);
  EXPECT_EQ(stream.code, ErrorCode::refused_stream);
}

TEST(Session, RefusalStatusArrivesWithItsEnd) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  server.answer = [](Peer& self, const Request& request) -> Stream* {
    self.session.respond(request.id, 503, {}, true);
    return nullptr;
  };
  auto& stream = client.connect("early bytes");
  pump(client, server);
  EXPECT_EQ(stream.status, 503);
  EXPECT_EQ(stream.ends, 1);
  EXPECT_EQ(stream.closes, 1);
  EXPECT_EQ(stream.code, ErrorCode::no_error);
}

TEST(Session, InformationalResponsesAreSkipped) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.connect();
  client.drain();
  client.take(as_bytes(frame(kSettings, 0, 0, {}) +
                       frame(kHeaders, kEndHeaders, 1, literal(":status", "103")) +
                       frame(kHeaders, kEndHeaders, 1, literal(":status", "200"))));
  EXPECT_EQ(stream.status, 200);
}

TEST(Session, ProduceCanGiveUp) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  auto& stream = client.connect("x");
  pump(client, server);
  stream.give_up = true;
  client.session.resume(stream.id());
  pump(client, server);
  EXPECT_EQ(stream.code, ErrorCode::connect_error);
  EXPECT_EQ(server.streams.at(0)->code, ErrorCode::connect_error);
  EXPECT_EQ(stream.closes, 1);
}

TEST(Session, PingIsAnsweredOnce) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  client.session.ping();
  client.session.ping();
  pump(client, server);
  EXPECT_EQ(client.ping_acks, 1);
  client.session.ping();
  pump(client, server);
  EXPECT_EQ(client.ping_acks, 2);
  EXPECT_EQ(server.ping_acks, 0);
}

TEST(Session, KnowsThePeersLimitOfStreams) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  EXPECT_EQ(client.session.peer_max_concurrent_streams(), 100U);
  EXPECT_FALSE(client.session.settings_acknowledged());
  pump(client, server);
  EXPECT_EQ(client.session.peer_max_concurrent_streams(), 200U);
  EXPECT_TRUE(client.session.settings_acknowledged());
  EXPECT_TRUE(server.session.settings_acknowledged());
  EXPECT_EQ(client.settings, 1);
}

}  // namespace
}  // namespace culvert::h2::test
