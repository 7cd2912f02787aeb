// The proxy's own ports, which no traffic may be sent to through it: a loop otherwise.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace culvert::state {

// By default 15001 (outbound), 15006 (inbound plaintext) and 15008 (HBONE); add the SOCKS5 port
// when that listener is on.
struct InternalPorts {
  std::vector<std::uint16_t> ports{15001, 15006, 15008};

  bool contains(std::uint16_t port) const {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
  }
};

}  // namespace culvert::state
