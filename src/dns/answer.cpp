// Writing an answer: straight into its final bytes, records of fixed size behind one another.
#include "dns/wire.hpp"

#include <algorithm>

namespace culvert::dns {

namespace {

constexpr std::size_t kOptSize = 11;
constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, length of the data
// A compression pointer is 14 bits under two set ones.
constexpr std::uint16_t kPointer = 0xC000;
constexpr std::uint16_t kToQuestion = kPointer | kHeader;

class Writer {
 public:
  Writer(const Query& query, const Records& records, Transport transport)
      : query_(query), records_(records), udp_(transport == Transport::udp) {
    const std::size_t limit = query.answer_limit(transport);
    room_ = limit - (query.edns ? kOptSize : 0);
    out_.reserve(std::min(limit, expected_size()));
    AnswerHeader header{query.id, LDNS_PACKET_QUERY, query.recursion_desired,
                        query.checking_disabled};
    header.authoritative = records.authoritative;
    header.rcode = records.rcode;
    put_header(out_, header, true);
    out_.insert(out_.end(), query.question.begin(), query.question.end());
  }

  Message finish() {
    const bool complete = write_records();
    if (!complete && udp_) LDNS_TC_SET(out_.data());
    ldns_write_uint16(out_.data() + LDNS_ANCOUNT_OFF, count_);
    if (query_.edns) put_opt(out_, *query_.edns, records_.rcode);
    return std::move(out_);
  }

 private:
  std::size_t expected_size() const {
    const std::size_t each = kRecordHead + (query_.type == kTypeAaaa ? 16 : 4);
    return kHeader + query_.question.size() + kOptSize + records_.addresses.size() * each +
           (records_.owner.empty() ? 0 : kRecordHead + LDNS_MAX_DOMAINLEN);
  }

  // False when something did not fit.
  bool write_records() {
    std::uint16_t owner = kToQuestion;
    if (!records_.owner.empty()) {
      const std::size_t target = out_.size() + kRecordHead;
      if (!put_name_record(LDNS_RR_TYPE_CNAME, records_.owner)) return false;
      owner = static_cast<std::uint16_t>(kPointer | target);
    }
    if (!records_.pointer.empty() && !put_name_record(kTypePtr, records_.pointer)) return false;
    for (const IpAddress& ip : records_.addresses) {
      if (!put_record(owner, ip.is_v4() ? kTypeA : kTypeAaaa, ip.bytes())) return false;
    }
    return true;
  }

  bool put_name_record(std::uint16_t type, const std::string& target) {
    const Message wire = name_wire(target);
    return !wire.empty() && put_record(kToQuestion, type, wire);
  }

  bool put_record(std::uint16_t owner, std::uint16_t type, Bytes data) {
    if (room_ - out_.size() < kRecordHead + data.size()) return false;
    put16(out_, owner);
    put16(out_, type);
    put16(out_, LDNS_RR_CLASS_IN);
    put32(out_, records_.ttl_seconds);
    put16(out_, static_cast<std::uint16_t>(data.size()));
    out_.insert(out_.end(), data.begin(), data.end());
    ++count_;
    return true;
  }

  const Query& query_;
  const Records& records_;
  const bool udp_;
  std::size_t room_ = 0;  // what all but the OPT record may take; the question always fits
  std::uint16_t count_ = 0;
  Message out_;
};

}  // namespace

std::size_t addresses_that_fit(const Query& query, Transport transport) {
  const std::size_t fixed = kHeader + query.question.size() + (query.edns ? kOptSize : 0);
  const std::size_t each = kRecordHead + (query.type == kTypeAaaa ? 16 : 4);
  return (query.answer_limit(transport) - fixed) / each;
}

Message write_answer(const Query& query, const Records& records, Transport transport) {
  return Writer(query, records, transport).finish();
}

Message write_failure(const Query& query, Rcode rcode) {
  Records none;
  none.rcode = rcode;
  none.authoritative = false;
  return write_answer(query, none, Transport::udp);
}

Message with_id(Bytes message, std::uint16_t id) {
  Message out(message.begin(), message.end());
  LDNS_ID_SET(out.data(), id);
  return out;
}

}  // namespace culvert::dns
