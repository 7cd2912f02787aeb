// The :authority of a CONNECT request: what is accepted must mean the same when written again.
#include "culvert/state/inbound.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using culvert::state::Authority;
  const auto authority = Authority::parse(culvert::as_text(culvert::Bytes(data, size)));
  if (!authority) return 0;
  if (authority->port == 0) std::abort();
  const std::string again =
      authority->ip() != nullptr
          ? culvert::SocketAddress{*authority->ip(), authority->port}.to_string()
          : std::string(authority->hostname()) + ":" + std::to_string(authority->port);
  const auto second = Authority::parse(again);
  if (!second || second->host != authority->host || second->port != authority->port) std::abort();
  return 0;
}
