#include "proxy/handshakes.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace culvert::proxy {
namespace {

// Sixteen places: two for each source.
class HandshakesTest : public ::testing::Test {
 protected:
  Handshakes::Place& begin(unsigned host) {
    return places_.emplace_back(all_, IpAddress::v4(198, 18, 1, static_cast<std::uint8_t>(host)));
  }
  static bool ended(Handshakes::Place& place) { return place.cancellation().reason() != nullptr; }

  Handshakes all_{16};
  std::deque<Handshakes::Place> places_;
};

TEST_F(HandshakesTest, ASourceHasItsShareAndNoMore) {
  EXPECT_TRUE(begin(1).held());
  EXPECT_TRUE(begin(1).held());
  EXPECT_FALSE(begin(1).held());
  EXPECT_TRUE(begin(2).held());
  places_.pop_front();
  EXPECT_TRUE(begin(1).held());
}

TEST_F(HandshakesTest, TheOldestMakesRoomForANewcomer) {
  for (unsigned n = 0; n < 16; ++n) ASSERT_TRUE(begin(n).held());
  EXPECT_FALSE(places_[0].displaced());
  EXPECT_TRUE(begin(100).held());
  EXPECT_TRUE(places_[0].displaced());
  EXPECT_TRUE(ended(places_[0]));
  EXPECT_FALSE(ended(places_[1]));
  places_.pop_front();  // it has ended
  places_.pop_front();  // this one, too, by itself
  EXPECT_TRUE(begin(101).held());
  EXPECT_FALSE(ended(places_[0])) << "there was a place";
}

// Descriptors are bounded though the displaced cannot end yet.
TEST_F(HandshakesTest, WhoCannotEndYetStillCounts) {
  for (unsigned n = 0; n < 32; ++n) ASSERT_TRUE(begin(n).held());
  EXPECT_FALSE(begin(100).held());
  places_.pop_front();
  EXPECT_TRUE(begin(100).held());
}

TEST_F(HandshakesTest, CancelEndsThemAll) {
  begin(1);
  begin(2);
  all_.cancel(fail(Errc::cancelled, "the pod goes away"));
  for (auto& place : places_) {
    ASSERT_TRUE(ended(place));
    EXPECT_EQ(place.cancellation().reason()->detail, "the pod goes away");
  }
}

}  // namespace
}  // namespace culvert::proxy
