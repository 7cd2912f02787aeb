// Steps that making a TCP and a UDP socket have in common.
#pragma once

#include <string_view>

#include "culvert/base/result.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::net {

// That an address cannot be had here (Errc::unsupported) is told from every other failure: there
// callers fall back.
Error fail_address(std::string_view what, int error_number);

// SO_MARK, where there is one.
Result<void> mark_socket(int fd, const SocketOptions& options);

}  // namespace culvert::net
