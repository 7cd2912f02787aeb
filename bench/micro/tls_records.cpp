// How fast records are sealed and opened, by back end and record size: the share of the byte path
// that is ours to choose. Run with --benchmark_filter=16384 for bulk.
#include "tls/record_channel.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <vector>

namespace {

using namespace culvert;
using namespace culvert::tls;

constexpr std::size_t kTurn = 256 * 1024;  // what one turn of the relay handles

std::unique_ptr<RecordChannel> channel(bool client, AeadBackend backend) {
  const std::vector<std::uint8_t> secret(48, 1);
  auto made = RecordChannel::create(
      RecordChannel::initial(Suite::aes256_gcm_sha384, client, secret, secret),
      RecordChannel::kRecordsPerKey, backend);
  if (!made) std::abort();
  return *std::move(made);
}

void seal(benchmark::State& state, AeadBackend backend) {
  if (!aead_available(backend)) return state.SkipWithError("not in this build");
  const auto client = channel(true, backend);
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint8_t> plaintext(size, 5);
  std::vector<std::uint8_t> out(Channel::sealed_size(size));
  for (auto _ : state) benchmark::DoNotOptimize(*client->seal(plaintext, out));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

// Opening needs each record once, in order: a turn's worth is sealed outside the measured time.
void open(benchmark::State& state, AeadBackend backend) {
  if (!aead_available(backend)) return state.SkipWithError("not in this build");
  const auto client = channel(true, backend);
  const auto server = channel(false, backend);
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint8_t> plaintext(size, 5);
  std::vector<std::uint8_t> wire(2 * kTurn + 64 * 1024);
  std::vector<std::uint8_t> room(kTurn + Channel::kMinPlaintextRoom);
  std::int64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::size_t at = 0;
    for (std::size_t n = 0; n < kTurn && wire.size() - at > Channel::sealed_size(size); n += size)
      at += *client->seal(plaintext, MutableBytes(wire).subspan(at));
    state.ResumeTiming();
    const auto opened = server->open(MutableBytes(wire).first(at), room);
    if (!opened || opened->consumed != at) std::abort();
    bytes += static_cast<std::int64_t>(opened->produced);
  }
  state.SetBytesProcessed(bytes);
}

BENCHMARK_CAPTURE(seal, evp, AeadBackend::evp)->Arg(64)->Arg(1024)->Arg(16384)->Arg(kTurn);
BENCHMARK_CAPTURE(seal, ipsec_mb, AeadBackend::ipsec_mb)
    ->Arg(64)
    ->Arg(1024)
    ->Arg(16384)
    ->Arg(kTurn);
BENCHMARK_CAPTURE(open, evp, AeadBackend::evp)->Arg(64)->Arg(1024)->Arg(16384);
BENCHMARK_CAPTURE(open, ipsec_mb, AeadBackend::ipsec_mb)->Arg(64)->Arg(1024)->Arg(16384);

}  // namespace

BENCHMARK_MAIN();
