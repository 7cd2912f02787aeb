// What one full mTLS handshake costs each side, in memory: what a node pays for every new tunnel,
// and all of its peers at once when it comes up. `peers` is how many certificates the other side
// has in turn: with one, everything that can be remembered about it is.
#include "culvert/tls/handshake.hpp"

#include "support/test_ca.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

using namespace culvert;
using namespace culvert::tls;

using CertificatePtr = std::shared_ptr<const Certificate>;

Identity identity(const std::string& account) {
  return *Identity::parse("spiffe://cluster.local/ns/shop/sa/" + account);
}

// CPU time of this thread: others on the machine do not count.
std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

enum class Side : std::uint8_t { client, server };

// One handshake; returns how long `measured` computed.
std::chrono::nanoseconds shake(const ClientContext& from, const ServerContext& to, Side measured) {
  std::vector<std::uint8_t> to_server;
  std::vector<std::uint8_t> to_client;
  std::chrono::nanoseconds spent{0};
  std::unique_ptr<Handshake> client;
  std::unique_ptr<Handshake> server;
  const auto timed = [&](Side side, const auto& work) {
    const auto start = cpu_time();
    work();
    if (side == measured) spent += cpu_time() - start;
  };
  const auto step = [](Handshake& end, std::vector<std::uint8_t>& in,
                       std::vector<std::uint8_t>& out) {
    std::size_t consumed = 0;
    if (!end.step(in, consumed, out)) std::abort();
    in.clear();
  };
  timed(Side::client, [&] {
    client = *Handshake::client(from, {to.certificate().identity()});
    step(*client, to_client, to_server);
  });
  timed(Side::server, [&] {
    server = *Handshake::server(to);
    step(*server, to_server, to_client);
  });
  timed(Side::client, [&] {
    step(*client, to_client, to_server);
    if (!client->finish()) std::abort();
    client.reset();
  });
  timed(Side::server, [&] {
    step(*server, to_server, to_client);
    if (!server->finish()) std::abort();
    server.reset();
  });
  return spent;
}

void handshake(benchmark::State& state, Side measured) {
  culvert::testing::TestCa ca(static_cast<int>(state.range(1)));
  std::vector<std::unique_ptr<ClientContext>> clients;
  std::vector<std::unique_ptr<ServerContext>> servers;
  const auto peers = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < (measured == Side::server ? peers : 1); ++i)
    clients.push_back(*ClientContext::create(ca.issue(identity("cart")), {}));
  for (std::size_t i = 0; i < (measured == Side::client ? peers : 1); ++i)
    servers.push_back(*ServerContext::create(ca.issue(identity("stock")), {}));
  std::size_t i = 0;
  for (auto _ : state) {
    const auto spent = shake(*clients[i % clients.size()], *servers[i % servers.size()], measured);
    state.SetIterationTime(std::chrono::duration<double>(spent).count());
    ++i;
  }
}

BENCHMARK_CAPTURE(handshake, server, Side::server)
    ->ArgNames({"peers", "intermediates"})
    ->Args({1, 0})
    ->Args({1, 1})
    ->Args({1000, 1})
    ->UseManualTime();
BENCHMARK_CAPTURE(handshake, client, Side::client)
    ->ArgNames({"peers", "intermediates"})
    ->Args({1, 0})
    ->Args({1, 1})
    ->Args({1000, 1})
    ->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
