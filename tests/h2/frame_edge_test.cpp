#include "culvert/h2/frame_edge.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace culvert::h2 {
namespace {

using namespace std::literals;

Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Two frames: five bytes of DATA, and SETTINGS without any.
constexpr auto kFrames = "\0\0\5\0\0\0\0\0\1hello\0\0\0\4\0\0\0\0\0"sv;

TEST(FrameEdge, IsOutsideOnlyBetweenFrames) {
  FrameEdge edge(Role::client);
  EXPECT_FALSE(edge.inside());
  for (std::size_t n = 1; n <= kFrames.size(); ++n) {
    edge.feed(as_bytes(kFrames.substr(n - 1, 1)));
    EXPECT_EQ(edge.inside(), n != 14 && n != kFrames.size()) << n;
  }
}

TEST(FrameEdge, TakesPiecesOfAnySize) {
  for (std::size_t n = 1; n <= kFrames.size(); ++n) {
    FrameEdge edge(Role::client);
    edge.feed(as_bytes(kFrames.substr(0, n)));
    EXPECT_EQ(edge.inside(), n != 14 && n != kFrames.size()) << n;
    edge.feed(as_bytes(kFrames.substr(n)));
    EXPECT_FALSE(edge.inside()) << n;
  }
}

TEST(FrameEdge, AServerReadsThePrefaceFirst) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  FrameEdge edge(Role::server);
  EXPECT_FALSE(edge.inside()) << "nothing has begun";
  edge.feed(as_bytes(preface.substr(0, 20)));
  EXPECT_TRUE(edge.inside());
  edge.feed(as_bytes(preface.substr(20)));
  EXPECT_FALSE(edge.inside());
  edge.feed(as_bytes(kFrames));
  EXPECT_FALSE(edge.inside());
}

TEST(FrameEdge, AHeaderBlockEndsWithItsFlag) {
  FrameEdge edge(Role::client);
  edge.feed(as_bytes("\0\0\1\1\0\0\0\0\1a"sv));  // HEADERS
  EXPECT_TRUE(edge.inside());
  edge.feed(as_bytes("\0\0\1\11\0\0\0\0\1b"sv));  // CONTINUATION
  EXPECT_TRUE(edge.inside());
  edge.feed(as_bytes("\0\0\1\11\4\0\0\0\1c"sv));
  EXPECT_FALSE(edge.inside());
}

}  // namespace
}  // namespace culvert::h2
