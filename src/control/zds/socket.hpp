// The seqpacket socket of ZDS: connects, sends a packet, receives one with its descriptors.
// Whatever arrives, no descriptor is leaked or inherited.
#pragma once

#include "control/zds/session.hpp"
#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::control {

// One received packet. `bytes` points into the caller's buffer.
struct ZdsPacket {
  Bytes bytes;
  std::optional<ReceivedNetns> netns;
};

// Larger than any request of an agent, which are bound by 1024 bytes in practice.
using ZdsBuffer = std::array<std::uint8_t, 4096>;

// A non-blocking connection to the agent's socket. Errc::io, permission, refused, unavailable
// (backlog full), invalid (path too long).
Result<UniqueFd> connect_zds(const std::string& path);
// Errc::io and the like, also when the peer reads nothing (a packet always fits otherwise).
Result<void> send_zds(int fd, std::string_view packet);
// The next packet; nothing when none is there yet. Errc::closed: the peer has gone.
// Errc::protocol: the packet was cut off or its descriptors are not what they must be (all are
// closed). Other errors are the socket's.
Result<std::optional<ZdsPacket>> receive_zds(int fd, ZdsBuffer& buffer);

}  // namespace culvert::control
