// Packets on Unix domain SOCK_SEQPACKET sockets: one message each, with at most one descriptor.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace culvert::host {

// Listens at `path` with mode 0600, making its directory (0755) if needed. A socket that nobody
// answers on is replaced; Errc::invalid when somebody does, or when there is something else than a
// socket. `type` is SOCK_SEQPACKET or SOCK_STREAM.
Result<UniqueFd> listen_local(const std::string& path, int type);

// Connects to `path`. Errc::not_found (no such file), refused (nobody listens), permission, io.
Result<UniqueFd> connect_local(const std::string& path, int type);

// Sends one packet, with `passed` (unless -1) beside it. Never raises SIGPIPE.
Result<void> send_packet(int socket, std::string_view packet, int passed = -1);

// Waits for one packet of at most 1024 bytes without descriptors. Errc::timed_out after `limit`,
// closed when the other end has gone, protocol for a longer packet.
Result<std::string> receive_packet(int socket, std::chrono::milliseconds limit);

}  // namespace culvert::host
