// Who is at the other end of a connection of this network namespace. On a host whose loopback is
// shared, whoever can connect is not whoever may give orders.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "culvert/base/address.hpp"

namespace culvert::admin {

// The user that owns the socket connected from `client` to `server`, as /proc/net/tcp and tcp6 tell
// (proc_net_tcp.txt of the kernel's documentation); nothing when there is none, or its
// owner has closed it, whose name is lost then. Any thread; reads files whose length is the number
// of the namespace's sockets.
std::optional<std::uint32_t> user_of(const SocketAddress& client, const SocketAddress& server);

// The same in the text of one of the files.
std::optional<std::uint32_t> find_user(std::string_view table, const SocketAddress& client,
                                       const SocketAddress& server);

}  // namespace culvert::admin
