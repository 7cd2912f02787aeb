// Hostnames that the daemon itself looks up: workloads that the mesh knows by name only. Sans-IO:
// writes the queries and reads the answers; exchange.hpp carries them.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/dns/exchange.hpp"
#include "culvert/dns/message.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::dns {

// The names to ask for, one after another until one exists, as libc completes a hostname by
// `search` and `ndots` (resolv.conf(5)). One with a final dot is asked for as it is.
std::vector<std::string> names_to_try(std::string_view hostname, const Resolvers& resolvers);

// A query with id 0 for `name`, recursion desired. Empty when `name` is none: an empty or too long
// label, too long in all.
Message write_query(std::string_view name, std::uint16_t type);

// What an answer says of one name and type.
struct Found {
  Rcode rcode = Rcode::no_error;
  std::vector<IpAddress> addresses;  // each once, in the order of the answer
  // How long that is good for: the shortest time to live on the way from the name to its addresses,
  // or that of "there are none" (RFC 2308 section 5); at most a day.
  std::chrono::seconds good_for{0};
};

// Reads an answer to a query for `type` (A or AAAA): the records of the queried name, or of that to
// which its CNAME records lead within the answer. Errc::protocol when it does not parse.
Result<Found> read_addresses(Bytes answer, std::uint16_t type);

}  // namespace culvert::dns
