// Every way in which a tunnel ends: what its streams, the peer and the owner hear. An end that
// applications take for an orderly one while something went wrong is a truncated answer that looks
// whole (docs/decisions/0006-failures-are-resets.md).
#include "culvert/hbone/tunnel.hpp"

#include <sys/ioctl.h>

#include "hbone/raw_peer.hpp"

namespace culvert::hbone {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// What a peer may send that ends a connection, and what it is told.
struct Fault {
  const char* name;
  Octets frames;
  h2::ErrorCode code;
};

class TunnelFault : public RawClientTest, public ::testing::WithParamInterface<Fault> {
 protected:
  TunnelFault() { tcp_apps = true; }
};

TEST_P(TunnelFault, ResetsTheApplicationsAndSaysWhy) {
  Side& side = open_stream();
  const std::string code(h2::to_string(GetParam().code));
  peer.send(GetParam().frames);
  run_until([&] { return side.ended; });
  ASSERT_TRUE(side.error.has_value()) << "that would look like an orderly end";
  EXPECT_THAT(side.error->detail, HasSubstr(code));
  EXPECT_EQ(ending(side.pair.app), Ending::reset);
  run_to_the_end();
  const auto told = peer.received(kGoaway);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().code(), static_cast<std::uint32_t>(GetParam().code));
  EXPECT_THAT(reason(), HasSubstr(code));
}

TEST_P(TunnelFault, IsNamedWithoutAStreamAsWell) {
  open_tunnel();
  peer.send(GetParam().frames);
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr(std::string(h2::to_string(GetParam().code))));
}

Octets repeated(const Octets& one, int times) {
  Octets all;
  for (int i = 0; i < times; ++i) all = std::move(all) + one;
  return all;
}

// The first kind is found by nghttp2 and known only when its GOAWAY goes out; the last one is a
// limit of our own.
INSTANTIATE_TEST_SUITE_P(
    Tunnel, TunnelFault,
    ::testing::Values(Fault{"DataWithoutAStream", frame(kData, 0, 0, octets("x")),
                            h2::ErrorCode::protocol_error},
                      Fault{"SettingsOfOddLength", frame(kSettings, 0, 0, octets("12345")),
                            h2::ErrorCode::frame_size_error},
                      Fault{"SettingsFlood", repeated(frame(kSettings, 0, 0), 600),
                            h2::ErrorCode::enhance_your_calm}),
    [](const auto& one) { return one.param.name; });

class TunnelTest : public RawClientTest {
 protected:
  TunnelTest() { tcp_apps = true; }
};

// Whether the record layer is the own one or OpenSSL's.
class RecordFault : public TunnelTest, public ::testing::WithParamInterface<bool> {
 protected:
  RecordFault() {
    TunnelSettings settings;
    settings.tls.openssl_records = GetParam();
    server_context = std::make_unique<Context>(worker, settings, source);
  }
};

TEST_P(RecordFault, ResetsTheApplications) {
  Side& side = open_stream();
  auto record = peer.seal(octets("never read"));
  record.back() ^= 1;
  peer.send_raw(record);
  run_until([&] { return side.ended; });
  ASSERT_TRUE(side.error.has_value());
  EXPECT_EQ(ending(side.pair.app), Ending::reset);
  run_to_the_end();
  EXPECT_THAT(peer.alert(), HasSubstr("bad_record_mac"));
  EXPECT_NE(reason(), "");
}

TEST_P(RecordFault, IsFoundBehindGoodRecordsOfTheSameRead) {
  Side& side = open_stream();
  const auto good = peer.seal(frame(kData, 0, 1, octets("delivered")));
  auto bad = peer.seal(octets("never read"));
  bad.back() ^= 1;
  peer.send_raw(good + bad);
  run_until([&] { return side.ended; });
  std::string got;
  EXPECT_EQ(ending(side.pair.app, &got), Ending::reset);
  EXPECT_EQ(got, "delivered");
  run_to_the_end();
  EXPECT_NE(reason(), "");
}

INSTANTIATE_TEST_SUITE_P(Tunnel, RecordFault, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "Openssl" : "Own"; });

TEST_F(TunnelTest, AnOrderlyEndIsNotExplained) {
  open_tunnel();
  run_until([&] { return !peer.received(kSettings).empty(); });
  peer.end();
  run_to_the_end();
  EXPECT_EQ(reason(), "");
}

TEST_F(TunnelTest, AnEndWithoutCloseNotifyIsNotExplainedEither) {
  open_tunnel();
  run_until([&] { return !peer.received(kSettings).empty(); });
  ::shutdown(peer.fd.get(), SHUT_WR);
  run_to_the_end();
  EXPECT_EQ(reason(), "");
}

TEST_F(TunnelTest, HalfARecordThenEndIsNamed) {
  open_tunnel();
  auto record = peer.seal(frame(kSettings, 0, 0));
  record.resize(record.size() - 3);
  peer.send_raw(record);
  ::shutdown(peer.fd.get(), SHUT_WR);
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr("in the middle of a TLS record"));
}

TEST_F(TunnelTest, HalfAFrameThenEndIsNamed) {
  open_tunnel();
  auto half = frame(kSettings, 0, 0, Octets(6));
  half.resize(half.size() - 1);
  peer.send(half);
  peer.end();
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr("in the middle of an HTTP/2 frame"));
}

TEST_F(TunnelTest, AHeaderBlockThatNeverEndsIsNamed) {
  open_tunnel();
  peer.send(frame(kHeaders, 0, 1, field(":method", "CONNECT")));
  peer.end();
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr("in the middle of an HTTP/2 frame"));
}

TEST_F(TunnelTest, SilenceIsNamedWithoutAStream) {
  TunnelSettings impatient;
  impatient.ping_interval = 20ms;
  impatient.ping_timeout = 40ms;
  server_context = std::make_unique<Context>(worker, impatient, source);
  open_tunnel();
  run_until([&] { return server_tunnels.empty(); });
  EXPECT_EQ(reason(), "the peer did not answer PING");
}

TEST_F(TunnelTest, TellsWhatThePeerSaidWhenItLeft) {
  Side& side = open_stream();
  peer.send(goaway(h2::ErrorCode::enhance_your_calm, "too many\npings"));
  peer.end();
  run_until([&] { return side.ended; });
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr("ENHANCE_YOUR_CALM: too many?pings"));
  ASSERT_TRUE(side.error.has_value());
  EXPECT_THAT(side.error->detail, HasSubstr("ENHANCE_YOUR_CALM"));
}

TEST_F(TunnelTest, TellsWhatThePeerSaidWithoutAStream) {
  open_tunnel();
  peer.send(goaway(h2::ErrorCode::internal_error));
  run_to_the_end();
  EXPECT_THAT(reason(), HasSubstr("INTERNAL_ERROR"));
}

TEST_F(TunnelTest, AGoawayWithoutErrorIsNotExplained) {
  open_tunnel();
  peer.send(goaway(h2::ErrorCode::no_error, "bye"));
  run_to_the_end();
  EXPECT_EQ(reason(), "");
}

// Looks at the bytes that wait for the tunnel, between its turns.
struct Waiting final : net::TurnEnd {
  Waiting(net::Worker& w, const int& descriptor) : worker(w), fd(descriptor) {
    worker.at_turn_end(*this);
  }
  void on_turn_end() override {
    int bytes = 0;
    if (::ioctl(fd, FIONREAD, &bytes) == 0) last = bytes;
    if (last > 0 && last < most) seen_between = true;
    most = std::max(most, last);
    if (!done) worker.at_turn_end(*this);
  }
  net::Worker& worker;
  const int& fd;
  int last = 0;
  int most = 0;
  bool seen_between = false;
  bool done = false;
};

TEST_F(TunnelTest, APeerThatFloodsAnEndedTunnelGetsItsShareOfATurnAndNoMore) {
  open_tunnel();
  run_until([&] { return !peer.received(kSettings).empty(); });
  ::fcntl(peer.fd.get(), F_SETFL, O_NONBLOCK);
  const Octets junk(1 << 20);  // ends it at once
  ssize_t n = 0;
  std::size_t sent = 0;
  while (sent < (6U << 20) &&
         (n = ::send(peer.fd.get(), junk.data(), junk.size(), MSG_NOSIGNAL)) > 0) {
    sent += static_cast<std::size_t>(n);
  }
  ASSERT_GT(sent, 2U << 20) << "the kernel's buffers are too small for this test";
  Waiting waiting(worker, newest_fd);
  const auto begin = Clock::now();
  run_until([&] {
    while (::send(peer.fd.get(), junk.data(), junk.size(), MSG_NOSIGNAL) > 0) {
    }
    return server_tunnels.empty();
  });
  waiting.done = true;
  EXPECT_TRUE(waiting.seen_between) << "one turn read all";
  EXPECT_LT(Clock::now() - begin, 4s) << "the flood keeps the tunnel";
  EXPECT_THAT(reason(), HasSubstr("record"));
}

}  // namespace
}  // namespace culvert::hbone
