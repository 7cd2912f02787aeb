#include "culvert/hbone/pool.hpp"

#include "hbone/mesh_pair.hpp"

namespace culvert::hbone {
namespace {

using namespace std::chrono_literals;
using testing::at_eof;
using testing::identity;
using testing::MeshPair;
using testing::Side;

class PoolTest : public MeshPair {
 protected:
  void all_answered() {
    run_until([&] {
      return std::all_of(clients.begin(), clients.end(),
                         [](auto& c) { return c->answer.has_value(); });
    });
  }
};

TEST_F(PoolTest, DialsOnceForASimultaneousCrowd) {
  for (int i = 0; i < 50; ++i) open();
  all_answered();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(pool->tunnels(), 1U);
  for (auto& client : clients) EXPECT_EQ((*client->answer)->status, 200);
}

TEST_F(PoolTest, OpensAnotherTunnelAtTheLimitAndReusesRoom) {
  TunnelSettings settings;
  settings.max_streams = 2;
  start(settings);
  for (int i = 0; i < 4; ++i) {
    open();
    all_answered();
  }
  EXPECT_EQ(pool->tunnels(), 2U);
  clients[0]->pair.app.reset();
  run_until([&] { return servers[0]->ended || at_eof(servers[0]->pair.app); });
  servers[0]->pair.app.reset();
  run_until([&] { return clients[0]->ended; });
  open();
  all_answered();
  EXPECT_EQ(pool->tunnels(), 2U);  // the freed place was taken
}

TEST_F(PoolTest, NeverSharesBetweenDifferentKeys) {
  open();
  all_answered();
  auto other_source = key();
  other_source.source = identity("back");
  open(other_source);
  auto other_ip = key();
  other_ip.source_ip = IpAddress::v4(127, 0, 0, 2);
  open(other_ip);
  auto other_expected = key();
  other_expected.expected.push_back(identity("more"));
  open(other_expected);
  all_answered();
  EXPECT_EQ(pool->tunnels(), 4U);
}

TEST_F(PoolTest, TellsEveryWaiterOfAFailedDial) {
  auto wrong = key();
  wrong.expected = {identity("somebody-else")};
  for (int i = 0; i < 5; ++i) open(wrong);
  all_answered();
  EXPECT_EQ(accepted, 1);
  for (auto& client : clients) {
    ASSERT_TRUE(client->answer->has_error());
    EXPECT_EQ(client->answer->error().code, Errc::tls);
  }
  run_until([&] { return pool->empty(); });
}

TEST_F(PoolTest, FailsWithoutACertificate) {
  source.fail_for(identity("front"), "the CA is away");
  open();
  all_answered();
  ASSERT_TRUE(clients[0]->answer->has_error());
  EXPECT_EQ(clients[0]->answer->error().code, Errc::identity);
  EXPECT_EQ(accepted, 0);
}

TEST_F(PoolTest, ReplacesATunnelThatGoesAway) {
  auto [client, server] = open_both();
  server_tunnels.front()->shut_down();
  run_until([&] { return !server_tunnels.front()->usable(); });
  run_until([n = 0]() mutable { return ++n > 20; });
  Side& second = open();
  run_until([&] { return second.answer.has_value(); });
  ASSERT_TRUE(second.answer->has_value());
  EXPECT_EQ(accepted, 2);
  EXPECT_FALSE(client->ended);  // what was open runs on
  (void)server;
}

TEST_F(PoolTest, ReleasesWhatNobodyUses) {
  TunnelSettings settings;
  settings.unused_release = 40ms;
  start(settings);
  Side& client = open();
  all_answered();
  client.pair.app.reset();
  servers.back()->pair.app.reset();
  run_until([&] { return client.ended && pool->empty(); });
}

// What is still being dialled when the pod goes away must not keep it until a time-out.
TEST_F(PoolTest, CuttingEndsAHandshakeThatStalls) {
  auto silent = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
  ASSERT_TRUE(silent.has_value());
  auto to = key();
  to.destination = *net::local_address(silent->get());
  open(to);
  open(to);  // waits for the first one's dial
  run_until([n = 0]() mutable { return ++n > 20; });
  ASSERT_FALSE(pool->empty());
  const auto begin = Clock::now();
  pool->cut(fail(Errc::cancelled, "the pod goes away"));
  all_answered();
  run_until([&] { return pool->empty(); });
  EXPECT_LT(Clock::now() - begin, 2s);
  for (auto& client : clients) {
    ASSERT_TRUE(client->answer->has_error());
    EXPECT_EQ(client->answer->error().code, Errc::cancelled);
    EXPECT_EQ(client->answer->error().detail, "the pod goes away");
  }
}

// A CA that never answers.
struct SilentSource final : tls::CertificateSource {
  std::shared_ptr<const tls::Certificate> cached(const Identity&) override { return nullptr; }
  void fetch(const Identity&, tls::Priority, Done) override {}
};

TEST_F(PoolTest, CuttingEndsTheWaitForACertificate) {
  SilentSource silent;
  Context waiting(worker, TunnelSettings{}, silent);
  auto usual = std::exchange(pool, std::make_unique<Pool>(waiting, DialSettings{}));
  open();
  run_until([n = 0]() mutable { return ++n > 20; });
  ASSERT_FALSE(pool->empty());
  const auto begin = Clock::now();
  pool->cut(fail(Errc::cancelled, "the pod goes away"));
  all_answered();
  run_until([&] { return pool->empty(); });
  EXPECT_LT(Clock::now() - begin, 2s);
  ASSERT_TRUE(clients[0]->answer->has_error());
  EXPECT_EQ(clients[0]->answer->error().detail, "the pod goes away");
  pool = std::move(usual);
}

}  // namespace
}  // namespace culvert::hbone
