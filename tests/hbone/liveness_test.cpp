// How a tunnel finds out that its peer is gone without a word.
#include <linux/filter.h>

#include "hbone/mesh_pair.hpp"

namespace culvert::hbone {
namespace {

using testing::MeshPair;
using testing::read_all;

using namespace std::chrono_literals;

constexpr auto kInterval = 20ms;
constexpr auto kTimeout = 60ms;

TunnelSettings impatient() {
  TunnelSettings settings;
  settings.ping_interval = kInterval;
  settings.ping_timeout = kTimeout;
  return settings;
}

class LivenessTest : public MeshPair {
 protected:
  // From now on nothing that the client sends arrives; what the server sends still does. A side
  // with the default settings stays silent for longer than these tests take.
  void swallow_what_the_client_sends() {
    sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{.len = 1, .filter = &drop};
    ASSERT_EQ(::setsockopt(newest_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
  }
};

TEST_F(LivenessTest, AClientGivesUpAServerThatNeverAnswers) {
  start(impatient());
  server_context = std::make_unique<Context>(worker, TunnelSettings{}, source);
  auto [client, server] = open_both();
  const auto silent_since = Clock::now();
  swallow_what_the_client_sends();
  run_until([&, c = client] { return c->ended && pool->empty(); });
  EXPECT_GE(Clock::now() - silent_since, kTimeout);
  // An interval of silence and the time-out; the rest is for slow machines.
  EXPECT_LT(Clock::now() - silent_since, kInterval + kTimeout + 1s);
  ASSERT_TRUE(client->error.has_value()) << "that would look like an orderly end";
  EXPECT_EQ(client->error->detail, "the tunnel was lost: the peer did not answer PING");
  (void)server;
}

TEST_F(LivenessTest, AServerGivesUpAClientThatNeverAnswers) {
  server_context = std::make_unique<Context>(worker, impatient(), source);
  auto [client, server] = open_both();
  const auto silent_since = Clock::now();
  swallow_what_the_client_sends();
  run_until([&, s = server] { return s->ended && server_tunnels.empty(); });
  EXPECT_GE(Clock::now() - silent_since, kTimeout);
  ASSERT_TRUE(server->error.has_value()) << "that would look like an orderly end";
  EXPECT_EQ(server_failures, std::vector<std::string>{"the peer did not answer PING"});
  (void)client;
}

TEST_F(LivenessTest, AnIdleTunnelLivesOnWhilePingsAreAnswered) {
  start(impatient());
  auto [client, server] = open_both();
  const auto end = Clock::now() + 10 * kTimeout;
  run_until([&] { return Clock::now() >= end; });
  ASSERT_EQ(::send(client->pair.app.get(), "x", 1, MSG_NOSIGNAL), 1);
  run_until([s = server] { return read_all(s->pair.app) == "x"; });
  EXPECT_FALSE(client->ended);
  EXPECT_FALSE(server->ended);
}

}  // namespace
}  // namespace culvert::hbone
