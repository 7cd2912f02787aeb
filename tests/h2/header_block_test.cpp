// Header blocks that are too long, in a few bytes or in many, and those that come to nothing.
#include "h2/header_block.hpp"

#include "h2/inside.hpp"
#include "h2/peers.hpp"

#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

TEST(HeaderBlock, LongHeaderListsAreAnsweredAndDropped) {
  Server server;
  auto block = connect_block();
  for (int i = 0; i < 1000; ++i) block += literal("x-filler", std::string(60, 'v'));
  const auto all = server.take(frame(kHeaders, kEndHeaders, 1, block) + connect_frame(3));
  EXPECT_FALSE(server.peer.failed);
  EXPECT_EQ(server.peer.requests.size(), 1U);  // only the second
  ASSERT_GE(count(all, kHeaders), 2U);
  EXPECT_NE(all[0].payload.find("431"), std::string::npos);
}

TEST(HeaderBlock, LongResponseHeadersResetTheStream) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.connect();
  client.drain();
  auto block = literal(":status", "200");
  for (int i = 0; i < 300; ++i) block += literal("x-filler", std::string(60, 'v'));
  client.take(as_bytes(frame(kSettings, 0, 0, {}) + frame(kSettings, kAck, 0, {}) +
                       frame(kHeaders, kEndHeaders, 1, block)));
  client.drain();
  EXPECT_EQ(stream.status, 0);
  EXPECT_EQ(stream.code, ErrorCode::enhance_your_calm);
}

// An entry of 4 KB in the peer's table, and how a block says it once more in one byte.
std::string bomb_entry(char filler) {
  return "\x40\1x" + std::string("\x7f\xa1\x1e") + std::string(4000, filler);
}
constexpr char kSayAgain = '\xbe';

class HeaderBomb : public testing::TestWithParam<char> {};
INSTANTIATE_TEST_SUITE_P(Limits, HeaderBomb, testing::Values('v', '\1'),
                         [](const auto& one) { return one.param == 'v' ? "valid" : "invalid"; });

TEST_P(HeaderBomb, EndsTheConnection) {
  Server server;
  const auto start = connect_block() + bomb_entry(GetParam());
  const std::string again(100000, kSayAgain);
  const auto wire = frame(kHeaders, kEndHeaders, 1, start + again);
  server.peer.take(as_bytes(std::string_view(wire).substr(0, wire.size() - again.size())));
  EXPECT_FALSE(server.peer.failed) << server.peer.error;
  std::size_t said = 0;
  for (; said < again.size() && !server.peer.failed; ++said)
    server.peer.take(as_bytes(std::string_view(again).substr(0, 1)));
  EXPECT_LE(said, 4 * 65536 / 4000);
  EXPECT_EQ(goaway_code(frames(server.peer.drain())), ErrorCode::enhance_your_calm);
}

// Some 60 KB of header lines, and then the block goes wrong or on and on.
TEST(HeaderBlock, HeadersThatComeToNothingAreForgotten) {
  std::string block = connect_block();
  for (int i = 0; i < 600; ++i) block += literal("x-filler", std::string(60, 'v'));
  const auto held = [](const Server& server) {
    return SessionInside::held_headers(server.peer.session);
  };
  Server rejected;
  rejected.take(frame(kHeaders, 0, 1, block));
  EXPECT_GT(held(rejected), 40000U);
  const auto all = rejected.take(
      frame(kContinuation, kEndHeaders, 1, literal(":method", "CONNECT") + literal("a", "b")));
  EXPECT_EQ(count(all, kRst), 1U);
  EXPECT_LT(held(rejected), 100U);
  Server endless;
  endless.take(frame(kHeaders, 0, 1, block));
  endless.take(frame(kContinuation, 0, 1, block));
  EXPECT_FALSE(endless.peer.failed);
  EXPECT_LT(held(endless), 100U) << "it is beyond the limit: 431 needs none of it";
}

TEST(HeaderBlock, ContinuationFloodIsStopped) {
  Server server;
  auto wire = frame(kHeaders, 0, 1, connect_block());
  for (int i = 0; i < 100; ++i) wire += frame(kContinuation, 0, 1, literal("a", "b"));
  server.take(wire);
  EXPECT_TRUE(server.peer.failed || server.peer.session.finished());
  EXPECT_TRUE(server.peer.requests.empty());
}

TEST(HeaderBlock, OwnHeaderListIsBounded) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  auto& stream = client.stream();
  const std::string big(20000, 'v');
  const Header headers[] = {{"x", big}};
  const auto result = client.session.connect("a:1", headers, stream);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Errc::limit);
  EXPECT_EQ(client.session.active_streams(), 0U);
}

}  // namespace
}  // namespace culvert::h2::test
