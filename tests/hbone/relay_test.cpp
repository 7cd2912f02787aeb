// Bytes from an application through a tunnel to another one, and every way that ends.
#include "culvert/net/socket.hpp"
#include "hbone/mesh_pair.hpp"

namespace culvert::hbone {
namespace {

using testing::at_eof;
using testing::MeshPair;
using testing::read_all;
using testing::Side;

class RelayTest : public MeshPair {
 protected:
  using MeshPair::MeshPair;

  // Sends all of `data` from one side's application and returns what the other side's got.
  std::string pump(Side& from, Side& to, const std::string& data) {
    std::string received;
    std::size_t sent = 0;
    run_until([&] {
      const auto n =
          ::send(from.pair.app.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      received += read_all(to.pair.app);
      return received.size() >= data.size();
    });
    return received;
  }
};

TEST_F(RelayTest, CarriesBytesBothWaysAndCountsThem) {
  auto [client, server] = open_both();
  EXPECT_EQ(pump(*client, *server, "hello"), "hello");
  EXPECT_EQ(pump(*server, *client, "world!"), "world!");
  EXPECT_EQ(client->to_tunnel.load(), 5U);
  EXPECT_EQ(client->to_app.load(), 6U);
  EXPECT_EQ(server->to_app.load(), 5U);
  EXPECT_EQ(requests, std::vector<std::string>{"10.0.0.9:80"});
}

TEST_F(RelayTest, CarriesMegabytesUnchanged) {
  auto [client, server] = open_both();
  std::string data(8 << 20, '\0');
  Random random(1);
  for (auto& c : data) c = static_cast<char>(random.next());
  EXPECT_TRUE(pump(*client, *server, data) == data);
  EXPECT_TRUE(pump(*server, *client, data) == data);
}

TEST_F(RelayTest, HalfClosesBothWays) {
  auto [client, server] = open_both();
  ASSERT_EQ(::shutdown(client->pair.app.get(), SHUT_WR), 0);
  run_until([&, s = server] { return at_eof(s->pair.app); });
  EXPECT_EQ(pump(*server, *client, "still here"), "still here");
  ASSERT_EQ(::shutdown(server->pair.app.get(), SHUT_WR), 0);
  run_until([&, c = client, s = server] { return c->ended && s->ended; });
  EXPECT_TRUE(at_eof(client->pair.app));
  EXPECT_FALSE(client->error.has_value());
  EXPECT_FALSE(server->error.has_value());
}

TEST_F(RelayTest, DeliversWhatCameBeforeTheEnd) {
  auto [client, server] = open_both();
  const std::string data(1 << 20, 'x');
  std::size_t sent = 0;
  run_until([&, c = client] {
    const auto n = ::send(c->pair.app.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
    return sent == data.size();
  });
  client->pair.app.reset();  // both directions, at once
  std::string received;
  run_until([&, s = server] {
    received += read_all(s->pair.app);
    return received.size() == data.size() && at_eof(s->pair.app);
  });
}

TEST_F(RelayTest, AnApplicationThatLeavesEndsTheOtherSide) {
  auto [client, server] = open_both();
  server->pair.app.reset();
  pump(*client, *client, "");
  std::size_t tries = 0;
  run_until([&, c = client] {
    ::send(c->pair.app.get(), "x", 1, MSG_NOSIGNAL);
    ++tries;
    return c->ended;
  });
  EXPECT_FALSE(client->error.has_value());
}

TEST_F(RelayTest, AStalledReaderDoesNotHoldUpItsNeighbour) {
  auto [stalled, nobody_reads] = open_both();
  auto [client, server] = open_both();
  ASSERT_EQ(pool->tunnels(), 1U);
  const std::string block(1 << 16, 'z');
  // Until neither windows nor sockets take any more.
  int refused = 0;
  run_until([&, s = stalled] {
    refused =
        ::send(s->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL) < 0 ? refused + 1 : 0;
    return refused > 50;
  });
  EXPECT_EQ(pump(*client, *server, "quick"), "quick");
  EXPECT_EQ(pump(*server, *client, "answer"), "answer");
  (void)nobody_reads;
}

TEST_F(RelayTest, AbortedStreamsLeaveTheirWindowToOthers) {
  const std::string block(1 << 16, 'z');
  for (int i = 0; i < 40; ++i) {
    auto [client, server] = open_both();
    for (int k = 0; k < 8; ++k) {
      ::send(client->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
      run_until([n = 0]() mutable { return ++n > 2; });
    }
    server->relay.cut(fail(Errc::denied, "test"));
    run_until([&, c = client, s = server] { return c->ended && s->ended; });
  }
  auto [client, server] = open_both();
  ASSERT_EQ(pool->tunnels(), 1U);
  const std::string data(24 << 20, 'd');  // more than the connection's window
  EXPECT_TRUE(pump(*client, *server, data) == data);
}

TEST_F(RelayTest, AnApplicationThatBreaksWithUndeliveredDataHurtsNobody) {
  auto [client, server] = open_both();
  const std::string block(1 << 16, 'z');
  for (int i = 0; i < 200; ++i) {  // more than the application's socket holds
    ::send(client->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
    run_until([n = 0]() mutable { return ++n > 1; });
  }
  EXPECT_GT(worker.backlogs().held(), 0U);
  server->pair.app.reset();
  run_until([&, s = server] { return s->ended; });
  EXPECT_EQ(worker.backlogs().held(), 0U);
}

class SmallBudget : public RelayTest {
 protected:
  SmallBudget() : RelayTest(2 << 20) {}
};

TEST_F(SmallBudget, PodsThatDoNotReadPayForThemselves) {
  const std::string block(1 << 16, 'z');
  std::vector<Side*> stalled;
  const int greedy = 0;
  for (int i = 0; i < 8; ++i) {
    auto [client, server] = open_both();
    server->tag = &greedy;
    stalled.push_back(server);
    for (int k = 0; k < 16; ++k) {
      ::send(client->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
      run_until([n = 0]() mutable { return ++n > 1; });
    }
  }
  ASSERT_GT(worker.backlogs().held(), 1U << 20);
  auto [client, server] = open_both();
  const int modest = 0;
  server->tag = &modest;
  // Stalls now and then, as any application does, but holds less than the other pod.
  for (int burst = 0; burst < 10; ++burst) {
    const std::string data(500 << 10, 'd');
    std::size_t sent = 0;
    run_until([&, c = client] {
      const auto n =
          ::send(c->pair.app.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      return sent == data.size();
    });
    run_until([n = 0]() mutable { return ++n > 10; });
    std::string received;
    run_until([&, s = server] {
      received += read_all(s->pair.app);
      return received.size() == data.size() || s->ended;
    });
    ASSERT_TRUE(received == data);
  }
  EXPECT_FALSE(server->error.has_value());
  int cut = 0;
  for (const Side* one : stalled) {
    if (!one->error) continue;
    ++cut;
    EXPECT_EQ(one->error->code, Errc::limit);
  }
  EXPECT_GT(cut, 0) << "the budget was never full: the test proves nothing";
}

TEST_F(RelayTest, AnEarlyAnswerArrivesThoughTheApplicationStoppedListening) {
  auto [client, server] = open_both();
  const std::string block(1 << 16, 'z');
  for (int i = 0; i < 50; ++i) {
    ::send(client->pair.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
    run_until([n = 0]() mutable { return ++n > 1; });
  }
  ASSERT_EQ(::send(server->pair.app.get(), "413", 3, 0), 3);
  server->pair.app.reset();  // with unread input
  std::string received;
  run_until([&, c = client] {
    received += read_all(c->pair.app);
    return received == "413";
  });
}

TEST_F(RelayTest, ABrokenTunnelDoesNotLookLikeAnEnd) {
  auto [client, server] = open_both();
  for (auto& tunnel : server_tunnels) {
    tunnel->cut(h2::ErrorCode::connect_error, fail(Errc::closed, "test"));
  }
  run_until([&, c = client, s = server] { return c->ended && s->ended; });
  ASSERT_TRUE(client->error.has_value());
  ASSERT_TRUE(server->error.has_value());
}

TEST_F(RelayTest, CutsBothSidesAndSaysWhy) {
  auto [client, server] = open_both();
  server->relay.cut(fail(Errc::denied, "policy change"));
  run_until([&, c = client, s = server] { return c->ended && s->ended; });
  ASSERT_TRUE(server->error.has_value());
  EXPECT_EQ(server->error->detail, "policy change");
}

TEST_F(RelayTest, ALostTunnelEndsItsStreams) {
  auto [client, server] = open_both();
  server_tunnels.front()->cut(h2::ErrorCode::cancel, fail(Errc::cancelled, "test"));
  run_until([&, c = client, s = server] { return c->ended && s->ended; });
}

TEST_F(RelayTest, TellsTheStatusOfARefusal) {
  refuse_with = 401;
  Side& client = open();
  run_until([&] { return client.ended; });
  ASSERT_TRUE(client.answer->has_value());
  EXPECT_EQ((*client.answer)->status, 401);
}

}  // namespace
}  // namespace culvert::hbone
