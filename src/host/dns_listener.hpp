// Whether somebody answers captured DNS in a namespace.
#pragma once

#include "culvert/base/result.hpp"

#include <string_view>

namespace culvert::host {

// Whether a UDP socket that redirected queries reach (port 15053 of 127.0.0.1 or of every address)
// is in the text of a /proc/PID/net/udp or udp6 (proc(5)).
bool lists_dns_listener(std::string_view table);

// Asks the kernel. A daemon binds its listeners before it acknowledges a pod; whether DNS is among
// them is nothing that ZDS would say.
Result<bool> serves_dns(int netns_fd);

}  // namespace culvert::host
