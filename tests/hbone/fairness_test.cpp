// One tunnel's work does not hold up its neighbours on the worker, however it is cut.
#include "hbone/raw_peer.hpp"

namespace culvert::hbone {
namespace {

using namespace testing;

constexpr std::uint8_t kEndStream = 1;

class FairnessTest : public RawClientTest {
 protected:
  FairnessTest() { tcp_apps = true; }
  // One byte a frame; the last one ends the stream.
  static Octets drops(int times) {
    Octets all;
    all.reserve(static_cast<std::size_t>(times) * 10);
    for (int i = 0; i < times; ++i) {
      const bool last = i + 1 == times;
      const auto one = frame(kData, last ? kEndStream : 0, 1, {letter(i)});
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }
  static std::uint8_t letter(int i) { return static_cast<std::uint8_t>('a' + i % 26); }
};

TEST_F(FairnessTest, TinyFramesAreWorkForManyTurns) {
  constexpr int kDrops = 20'000;
  Side& side = open_stream();
  peer.send(drops(kDrops));
  std::string got;
  int turns = 0;  // in which the application was given something
  std::uint64_t seen = 0;
  run_until([&] {
    if (std::exchange(seen, side.to_app.load()) != seen) ++turns;
    got += read_all(side.pair.app);
    return at_eof(side.pair.app);
  });
  EXPECT_GE(turns, 8) << "2 without a limit";
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kDrops));
  for (int i = 0; i < kDrops; ++i)
    ASSERT_EQ(got[static_cast<std::size_t>(i)], static_cast<char>(letter(i))) << i;
}

// The end of a stream is seen also where the session pauses behind the last byte that there is.
TEST_F(FairnessTest, NoEndIsOverlooked) {
  for (const auto times : {h2::Session::kDataPerReceive - 1, h2::Session::kDataPerReceive,
                           2 * h2::Session::kDataPerReceive}) {
    Side& side = open_stream();
    peer.send(drops(static_cast<int>(times)));
    std::string got;
    run_until([&] {
      got += read_all(side.pair.app);
      return at_eof(side.pair.app);
    });
    EXPECT_EQ(got.size(), times);
    peer = RawPeer();
    run_until([&] { return server_tunnels.empty(); });
    servers.clear();
  }
}

// A peer that has gone is heard to its last word.
TEST_F(FairnessTest, AnEndBehindManyFramesWaitsForThem) {
  constexpr int kDrops = 20'000;
  Side& side = open_stream();
  peer.send(drops(kDrops));
  peer.end();
  std::string got;
  run_until([&] {
    got += read_all(side.pair.app);
    return server_tunnels.empty();
  });
  got += read_all(side.pair.app);
  EXPECT_EQ(got.size(), static_cast<std::size_t>(kDrops));
}

}  // namespace
}  // namespace culvert::hbone
