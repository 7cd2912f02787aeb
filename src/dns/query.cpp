// Reading a query: by hand over the fields, since only the question and one record are of interest
// and a flood of nonsense must cost little (docs/decisions/0012-dns.md).
#include "dns/wire.hpp"

#include <algorithm>

namespace culvert::dns {

namespace {

constexpr std::size_t kQuestionTail = 4;  // type and class
constexpr std::size_t kRecordFixed = 10;  // type, class, TTL, length of the data
// What is sent in one datagram, whatever the client would take: an answer of 65,000 bytes costs
// milliseconds to gather, and a datagram that asks for it costs nothing. TCP has it all.
constexpr std::size_t kMaxDatagram = 4096;
constexpr std::uint16_t kMaxAdditional = 2;  // OPT and a signature of the message

// A query while it is read, and what it may not be answered for.
struct Draft {
  Query query;
  std::uint16_t class_ = 0;
  std::optional<std::uint8_t> edns_version;
};

std::optional<std::size_t> read_question(Bytes in, Draft& draft) {
  const auto length = plain_name_length(in, kHeader);
  if (!length || in.size() - kHeader - *length < kQuestionTail) return std::nullopt;
  const Bytes question = in.subspan(kHeader, *length + kQuestionTail);
  draft.query.name = name_text(question);
  draft.query.type = ldns_read_uint16(question.data() + *length);
  draft.class_ = ldns_read_uint16(question.data() + *length + 2);
  draft.query.question.assign(question.begin(), question.end());
  return kHeader + question.size();
}

// Length of the owner of an additional record. A pointer may only lead into the question's name,
// which has none itself: nothing can loop.
std::optional<std::size_t> owner_length(Bytes in, std::size_t at, std::size_t name_end) {
  std::size_t end = at;
  while (end < in.size() && end - at <= LDNS_MAX_DOMAINLEN) {
    const std::size_t label = in[end];
    if (label >= 0xC0) {
      if (in.size() - end < 2) return std::nullopt;
      const std::size_t target = ldns_read_uint16(in.data() + end) & 0x3FFFU;
      if (target < kHeader || target >= name_end) return std::nullopt;
      return end + 2 - at;
    }
    if (label > LDNS_MAX_LABELLEN) return std::nullopt;
    end += 1 + label;
    if (label == 0) return end - at;
  }
  return std::nullopt;
}

// True when `data` is a row of EDNS options, each as long as it says.
bool well_formed_options(Bytes data) {
  while (!data.empty()) {
    if (data.size() < 4) return false;
    const std::size_t length = ldns_read_uint16(data.data() + 2);
    if (data.size() - 4 < length) return false;
    data = data.subspan(4 + length);
  }
  return true;
}

bool read_opt(Bytes owner, Bytes fixed, Bytes data, Draft& draft) {
  if (owner.size() != 1 || draft.query.edns || !well_formed_options(data)) return false;
  Edns edns;
  edns.payload = std::max<std::uint16_t>(512, ldns_read_uint16(fixed.data() + 2));
  edns.dnssec_ok = (fixed[6] & 0x80U) != 0;
  draft.edns_version = fixed[5];
  draft.query.edns = edns;
  return true;
}

// The record at `at`; gives where it ends.
std::optional<std::size_t> read_additional(Bytes in, std::size_t at, Draft& draft) {
  const std::size_t name_end = kHeader + draft.query.question.size() - kQuestionTail;
  const auto owner = owner_length(in, at, name_end);
  if (!owner || in.size() < at + *owner + kRecordFixed) return std::nullopt;
  const Bytes fixed = in.subspan(at + *owner, kRecordFixed);
  const std::size_t data_at = at + *owner + kRecordFixed;
  const std::size_t length = ldns_read_uint16(fixed.data() + 8);
  if (in.size() - data_at < length) return std::nullopt;
  if (ldns_read_uint16(fixed.data()) == LDNS_RR_TYPE_OPT &&
      !read_opt(in.subspan(at, *owner), fixed, in.subspan(data_at, length), draft)) {
    return std::nullopt;
  }
  return data_at + length;
}

// All behind the header; false when it is no query. What was read before that is kept.
bool read_body(Bytes in, Draft& draft) {
  const std::uint16_t additional = LDNS_ARCOUNT(in.data());
  if (LDNS_QDCOUNT(in.data()) != 1 || LDNS_ANCOUNT(in.data()) != 0 ||
      LDNS_NSCOUNT(in.data()) != 0 || additional > kMaxAdditional) {
    return false;
  }
  auto at = read_question(in, draft);
  for (std::uint16_t i = 0; i < additional && at; ++i) at = read_additional(in, *at, draft);
  return at && *at == in.size();
}

bool is_transfer(std::uint16_t type) {
  return type == LDNS_RR_TYPE_AXFR || type == LDNS_RR_TYPE_IXFR;
}

// What is wrong with a query that could be read.
Rcode verdict(const Draft& draft) {
  if (draft.edns_version.value_or(0) != 0) return Rcode::bad_vers;
  if (draft.class_ != LDNS_RR_CLASS_IN) return Rcode::refused;
  if (is_transfer(draft.query.type)) return Rcode::not_imp;
  return Rcode::no_error;
}

Message refusal(const Draft& draft, std::uint8_t opcode, Rcode rcode, bool with_question) {
  const Query& query = draft.query;
  AnswerHeader header{query.id, opcode, query.recursion_desired, query.checking_disabled};
  header.rcode = rcode;
  Message out;
  put_header(out, header, with_question);
  if (with_question) out.insert(out.end(), query.question.begin(), query.question.end());
  if (with_question && query.edns) put_opt(out, *query.edns, rcode);
  return out;
}

}  // namespace

std::size_t Query::answer_limit(Transport transport) const {
  if (transport == Transport::tcp) return LDNS_MAX_PACKETLEN;
  return edns ? std::min<std::size_t>(edns->payload, kMaxDatagram) : 512;
}

std::variant<Query, Refusal, Silence> read_query(Bytes datagram) {
  if (datagram.size() < kHeader || LDNS_QR_WIRE(datagram.data()) != 0) return Silence{};
  Draft draft;
  draft.query.id = LDNS_ID_WIRE(datagram.data());
  draft.query.recursion_desired = LDNS_RD_WIRE(datagram.data()) != 0;
  draft.query.checking_disabled = LDNS_CD_WIRE(datagram.data()) != 0;
  const auto opcode = static_cast<std::uint8_t>(LDNS_OPCODE_WIRE(datagram.data()));
  const bool readable = read_body(datagram, draft);
  Rcode rcode = readable ? verdict(draft) : Rcode::form_err;
  if (opcode != LDNS_PACKET_QUERY) rcode = Rcode::not_imp;
  if (rcode != Rcode::no_error) return Refusal{rcode, refusal(draft, opcode, rcode, readable)};
  return std::move(draft.query);
}

}  // namespace culvert::dns
