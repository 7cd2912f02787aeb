// What an unauthenticated peer can send to the tunnel port first: arbitrary bytes into the server
// side of a handshake, in two pieces.
#include "culvert/tls/handshake.hpp"
#include "support/test_ca.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace culvert;
using namespace culvert::tls;

const ServerContext& context() {
  static testing::TestCa ca(1);
  static const auto made = ServerContext::create(
      ca.issue(*Identity::parse("spiffe://cluster.local/ns/fuzz/sa/server")), {});
  return **made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const Bytes input(data + 1, size - 1);
  const auto cut = std::min<std::size_t>(data[0], input.size());
  const auto handshake = Handshake::server(context());
  if (!handshake) std::abort();
  std::vector<std::uint8_t> out;
  for (const Bytes piece : {input.first(cut), input.subspan(cut)}) {
    std::size_t consumed = 0;
    const auto status = (*handshake)->step(piece, consumed, out);
    if (consumed > piece.size()) std::abort();
    if (!status) break;
    // Nobody without a certificate of the mesh gets this far.
    if (*status == Handshake::Status::done) std::abort();
    if (consumed != piece.size()) std::abort();
  }
  return 0;
}
