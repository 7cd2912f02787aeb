// Who hears FIN and who hears RST when a connection ends before its time
// (docs/decisions/0006-failures-are-resets.md, RFC 9113 section 8.5).
#include "culvert/net/socket.hpp"
#include "hbone/raw_peer.hpp"

namespace culvert::hbone {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class ResetTest : public MeshPair {
 protected:
  ResetTest() { tcp_apps = true; }

  // A connection both ways, with a word of the server's that the client has read.
  std::pair<Side*, Side*> open_with_a_word() {
    const auto both = open_both();
    say(*both.second, "part");
    run_until([&, c = both.first] { return read_all(c->pair.app) == "part"; });
    return both;
  }
  static void say(Side& side, std::string_view text) {
    ASSERT_EQ(::send(side.pair.app.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Until `from`'s application cannot take more, so that bytes wait in `to`'s relay.
  void fill(Side& from) {
    const std::string block(1 << 16, 'z');
    int refused = 0;
    run_until([&] {
      const auto n = ::send(from.pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
      refused = n < 0 ? refused + 1 : 0;
      return refused > 50;
    });
    ASSERT_GT(worker.backlogs().held(), 0U);
  }
  // An application that has `left` bytes to write before it reads again, and then only until the
  // end.
  static void write_then_read(Side& side, std::size_t& left) {
    static const std::string block(1 << 16, 'y');
    if (left == 0) {
      read_all(side.pair.app);
      return;
    }
    const auto size = std::min(left, block.size());
    const auto n = ::send(side.pair.app.get(), block.data(), size, MSG_NOSIGNAL);
    if (n > 0) left -= static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN) left = 0;  // it has heard
  }
  static void reset_app(Side& side) {
    net::reset_on_close(side.pair.app.get());
    side.pair.app.reset();
  }
  void both_ended(const std::pair<Side*, Side*>& both) {
    run_until([&] { return both.first->ended && both.second->ended; });
  }
};

TEST_F(ResetTest, AnApplicationsResetReachesTheOtherOneAndIsNoError) {
  for (const bool client_resets : {false, true}) {
    const auto both = open_with_a_word();
    Side& from = client_resets ? *both.first : *both.second;
    Side& to = client_resets ? *both.second : *both.first;
    reset_app(from);
    both_ended(both);
    EXPECT_EQ(ending(to.pair.app), Ending::reset);
    EXPECT_FALSE(from.error.has_value());
    EXPECT_FALSE(to.error.has_value());
  }
}

TEST_F(ResetTest, AResetThatSendingFindsIsNoEndEither) {
  const auto both = open_both();
  fill(*both.first);
  say(*both.second, "part");
  reset_app(*both.second);
  run_until([c = both.first] { return c->ended; });
  std::string got;
  EXPECT_EQ(ending(both.first->pair.app, &got), Ending::reset);
  EXPECT_EQ(got, "part");
}

TEST_F(ResetTest, WhatWasEndedInOrderStaysWhole) {
  const auto both = open_both();
  fill(*both.first);
  say(*both.second, "all of it");
  ASSERT_EQ(::shutdown(both.second->pair.app.get(), SHUT_WR), 0);
  both.second->pair.app.reset();  // with unread input: that is a RST behind the FIN
  run_until([c = both.first] { return c->ended; });
  std::string got;
  EXPECT_EQ(ending(both.first->pair.app, &got), Ending::end);
  EXPECT_EQ(got, "all of it");
  EXPECT_FALSE(both.first->error.has_value());
}

TEST_F(ResetTest, ACutIsAnErrorAtBothEnds) {
  for (const bool at_client : {false, true}) {
    const auto both = open_with_a_word();
    Side& from = at_client ? *both.first : *both.second;
    Side& to = at_client ? *both.second : *both.first;
    from.relay.cut(fail(Errc::denied, "policy change"));
    both_ended(both);
    for (const Side* side : {&from, &to}) {
      EXPECT_EQ(ending(side->pair.app), Ending::reset);
      ASSERT_TRUE(side->error.has_value());
    }
    EXPECT_EQ(from.error->detail, "policy change");
    EXPECT_THAT(to.error->detail, HasSubstr("INTERNAL_ERROR"));
    EXPECT_EQ(to.error->code, Errc::reset) << "nothing was wrong with its opening";
  }
}

TEST_F(ResetTest, CuttingThePoolIsNoOrderlyEnd) {
  const auto both = open_with_a_word();
  pool->cut(fail(Errc::cancelled, "the pod goes away"));
  both_ended(both);
  EXPECT_EQ(ending(both.first->pair.app), Ending::reset);
  EXPECT_EQ(ending(both.second->pair.app), Ending::reset);
  ASSERT_TRUE(both.first->error.has_value());
  EXPECT_THAT(both.first->error->detail, HasSubstr("the pod goes away"));
}

// Both wait for the other one to read when one of them dies: the other one must hear of it, though
// it writes before it reads on.
TEST_F(ResetTest, AnApplicationThatIsWritingHearsOfTheOthersDeath) {
  for (const bool client_dies : {false, true}) {
    const auto both = open_both();
    fill(*both.first);
    fill(*both.second);
    Side& dead = client_dies ? *both.first : *both.second;
    Side& alive = client_dies ? *both.second : *both.first;
    reset_app(dead);
    std::size_t left = 4 << 20;
    run_until([&] {
      write_then_read(alive, left);
      return dead.ended && alive.ended;
    });
    EXPECT_EQ(worker.backlogs().held(), 0U);
  }
}

TEST_F(ResetTest, AnApplicationThatIsWritingHearsOfACut) {
  for (const bool at_client : {false, true}) {
    const auto both = open_both();
    fill(*both.first);
    fill(*both.second);
    Side& cut = at_client ? *both.first : *both.second;
    Side& alive = at_client ? *both.second : *both.first;
    cut.relay.cut(fail(Errc::denied, "policy change"));
    std::size_t left = 16 << 20;
    run_until([&] {
      write_then_read(alive, left);
      return cut.ended && alive.ended;
    });
    EXPECT_EQ(worker.backlogs().held(), 0U);
  }
}

// What it writes has no reader any more, and what it should read keeps the connection: it is told
// at last, as over TCP.
TEST_F(ResetTest, AnApplicationThatOnlyWritesIsTold) {
  const auto both = open_both();
  fill(*both.first);
  fill(*both.second);
  both.first->relay.cut(fail(Errc::denied, "policy change"));
  const std::string block(1 << 16, 'y');
  int error = 0;
  run_until([&] {
    if (::send(both.second->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL) < 0)
      error = errno;
    return both.second->ended && error != EAGAIN;
  });
  EXPECT_EQ(error, ECONNRESET);
}

// What a foreign peer's RST_STREAM means.
struct PeerReset {
  const char* name;
  h2::ErrorCode code;
  Ending ending;
  bool error;
};

class PeerResets : public RawClientTest, public ::testing::WithParamInterface<PeerReset> {
 protected:
  PeerResets() { tcp_apps = true; }
};

TEST_P(PeerResets, EndTheApplication) {
  Side& side = open_stream();
  peer.send(frame(kReset, 0, 1, number(static_cast<std::uint32_t>(GetParam().code))));
  run_until([&] { return side.ended; });
  EXPECT_EQ(ending(side.pair.app), GetParam().ending);
  EXPECT_EQ(side.error.has_value(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Reset, PeerResets,
    ::testing::Values(PeerReset{"NoError", h2::ErrorCode::no_error, Ending::end, false},
                      PeerReset{"Cancel", h2::ErrorCode::cancel, Ending::end, false},
                      PeerReset{"ConnectError", h2::ErrorCode::connect_error, Ending::reset, false},
                      PeerReset{"InternalError", h2::ErrorCode::internal_error, Ending::reset,
                                true},
                      PeerReset{"StreamClosed", h2::ErrorCode::stream_closed, Ending::reset, true}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace culvert::hbone
