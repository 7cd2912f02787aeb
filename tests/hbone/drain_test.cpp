// A server that goes away while peers connect: whoever has connected is served first.
#include "hbone/mesh_pair.hpp"

namespace culvert::hbone {
namespace {

using namespace std::chrono_literals;
using testing::MeshPair;

class DrainTest : public MeshPair {
 protected:
  DrainTest() { leaving = true; }
  // A tunnel on which nothing has been asked yet.
  Tunnel& connected() {
    net::spawn(worker, [](DrainTest* self) -> net::Async<void> {
      auto tunnel = co_await self->pool->checkout(self->key());
      EXPECT_TRUE(tunnel.has_value());
      self->tunnel_ = *tunnel;
    }(this));
    run_until([&] { return tunnel_ != nullptr && !server_tunnels.empty(); });
    return *tunnel_;
  }

 private:
  Tunnel* tunnel_ = nullptr;
};

TEST_F(DrainTest, TheFirstRequestIsServed) {
  const Tunnel& tunnel = connected();
  const auto some_time_later = Clock::now() + 100ms;
  run_until([&] { return Clock::now() > some_time_later; });
  ASSERT_TRUE(tunnel.usable());
  auto [client, server] = open_both();
  ASSERT_TRUE(client->answer->has_value()) << client->answer->error().detail;
  EXPECT_EQ((*client->answer)->status, 200);
  run_until([&] { return !tunnel.usable(); });
  EXPECT_EQ(accepted, 1);
  client->pair.app.reset();
  server->pair.app.reset();
  run_until([&] { return server_tunnels.empty() && pool->empty(); });
  EXPECT_EQ(server_failures, std::vector<std::string>{});
}

TEST_F(DrainTest, WhoAsksForNothingIsNotWaitedForLong) {
  const auto begin = Clock::now();
  connected();
  run_until([&] { return server_tunnels.empty() && pool->empty(); });
  EXPECT_GE(Clock::now() - begin, 900ms);
  EXPECT_LT(Clock::now() - begin, 5s);
  EXPECT_EQ(server_failures, std::vector<std::string>{});
}

}  // namespace
}  // namespace culvert::hbone
