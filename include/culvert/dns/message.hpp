// DNS messages as the proxy needs them: reads a pod's query, writes its answer. Sans-IO. RFC 1035,
// RFC 6891 (EDNS), RFC 4343 (letter case). The names, numbers and field layout of the format are
// the library's (ldns), which this module alone uses.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace culvert::dns {

// One message in wire format, without the length in front that TCP adds.
using Message = std::vector<std::uint8_t>;

// How a query came: UDP answers have a size limit, TCP ones only that of the format.
enum class Transport : std::uint8_t { udp, tcp };

// RFC 1035 section 4.1.1; bad_vers is RFC 6891 section 6.1.3.
enum class Rcode : std::uint8_t {
  no_error = 0,
  form_err = 1,
  serv_fail = 2,
  nx_domain = 3,
  not_imp = 4,
  refused = 5,
  bad_vers = 16,
};

// Record types that are answered here; all others are only passed on.
inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypePtr = 12;
inline constexpr std::uint16_t kTypeAaaa = 28;

// What a requestor's OPT record says.
struct Edns {
  std::uint16_t payload = 512;  // the largest UDP answer it takes; at least 512
  bool dnssec_ok = false;
};

// A query with exactly one question, of opcode QUERY and class IN.
struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  // The queried name as text: lower case, no final dot, the root is empty. Every dot is a border of
  // labels and the text is unambiguous, since bytes other than letters, digits, '-', '_' and '*'
  // stand as \DDD (decimal, RFC 1035 section 5.1). Safe to log as it is; at most 1,020 characters.
  std::string name;
  std::uint16_t type = 0;
  std::optional<Edns> edns;
  // As received, letter case included: name, type and class. For echoing and for comparing.
  Message question;

  // The largest answer to send: 512 bytes over UDP, or what its OPT record allows up to 4,096;
  // 65,535 over TCP.
  std::size_t answer_limit(Transport transport) const;
};

// What came is nothing to answer: a response, or shorter than a header.
struct Silence {};
// What to answer at once: NOTIMP (another opcode, a zone transfer), FORMERR (no or several
// questions, records where a query has none, anything that does not parse, bytes behind the end),
// REFUSED (a class other than IN), BADVERS (an EDNS version other than 0).
struct Refusal {
  Rcode rcode;
  Message answer;
};

// Reads what a pod sent. Never fails: whatever the bytes, one of the three comes out. The cost is
// linear in the size of the name, whatever it is made of. Any thread.
std::variant<Query, Refusal, Silence> read_query(Bytes datagram);

// The records of an answer of our own.
struct Records {
  Rcode rcode = Rcode::no_error;
  bool authoritative = true;
  // The name that the addresses belong to, in the form of Query::name. Empty: the queried one.
  // Otherwise a CNAME record from the queried name to this one goes first.
  std::string owner;
  std::vector<IpAddress> addresses;  // all of the queried family; none is an answer, too
  std::string pointer;               // PTR queries: the target, as `owner`; else empty
  std::uint32_t ttl_seconds = 30;
};

// How many addresses of that family fit into an answer over `transport`, without a CNAME.
std::size_t addresses_that_fit(const Query& query, Transport transport);

// The answer to `query`, at most query.answer_limit(transport) bytes: records that do not fit are
// left out, and TC is set over UDP. The question is echoed in the letters of the query and owners
// of records point to it; RA is always set, and an OPT record stands wherever the query has one.
Message write_answer(const Query& query, const Records& records, Transport transport);

// The answer that nothing could be found out: no records.
Message write_failure(const Query& query, Rcode rcode);

// The same message with another id: `message` has at least a header.
Message with_id(Bytes message, std::uint16_t id);

}  // namespace culvert::dns
