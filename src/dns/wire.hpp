// Fields of the wire format, over the library's macros and names for them.
#pragma once

#include "culvert/dns/message.hpp"

#include <ldns/ldns.h>

#include <optional>
#include <string>
#include <string_view>

namespace culvert::dns {

inline constexpr std::size_t kHeader = LDNS_HEADER_SIZE;

// Length of the name at `at` with its final zero byte, or nothing: it does not end, a label is
// longer than 63 bytes, all of it longer than 255, or there is a compression pointer. Where a name
// stands first there is nothing that a pointer could honestly point to.
std::optional<std::size_t> plain_name_length(Bytes message, std::size_t at);

// The text form of Query::name for the name in wire format at the start of `wire`, which
// plain_name_length() accepts.
std::string name_text(Bytes wire);

// The wire format of a name in that text form; empty when no name is written so.
Message name_wire(std::string_view text);

// The header of an answer to a query: counts are zero but QDCOUNT, which is one when `question` is.
struct AnswerHeader {
  std::uint16_t id = 0;
  std::uint8_t opcode = LDNS_PACKET_QUERY;
  bool recursion_desired = false;
  bool checking_disabled = false;
  bool authoritative = false;
  Rcode rcode = Rcode::no_error;
};
// Appends. RA is set: what is not answered here is asked from resolvers.
void put_header(Message& out, const AnswerHeader& header, bool question);
// Appends the OPT record that answers `edns`, with the upper bits of `rcode`, and counts it.
void put_opt(Message& out, const Edns& edns, Rcode rcode);

inline void put16(Message& out, std::uint16_t value) {
  const auto at = out.size();
  out.resize(at + 2);
  ldns_write_uint16(out.data() + at, value);
}
inline void put32(Message& out, std::uint32_t value) {
  const auto at = out.size();
  out.resize(at + 4);
  ldns_write_uint32(out.data() + at, value);
}

}  // namespace culvert::dns
