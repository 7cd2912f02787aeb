// Names that no resolver is asked about: RFC 6761, RFC 7686.
#pragma once

#include "culvert/dns/message.hpp"

#include <optional>

namespace culvert::dns {

// The answer to a name that means this host whatever anybody says: localhost and what is below it,
// and the reverse names of 127.0.0.0/8 and ::1.
std::optional<Records> loopback_records(const Query& query);

// True for names that exist nowhere in the DNS: below .invalid and .onion.
bool never_exists(const Query& query);

}  // namespace culvert::dns
