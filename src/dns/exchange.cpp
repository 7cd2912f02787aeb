#include "culvert/dns/exchange.hpp"

#include "dns/wire.hpp"

#include <algorithm>

namespace culvert::dns {

namespace {

// What servers keep UDP answers to (DNS flag day 2020). A client that takes no more will not get
// the whole of a truncated answer by our asking over TCP.
constexpr std::size_t kUsualLimit = 1232;

// SplitMix64 (Steele, Lea, Flood 2014): each try's id looks independent of the others'.
std::uint16_t id_of_try(std::uint64_t entropy, std::size_t attempt) {
  std::uint64_t z = entropy + (attempt + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<std::uint16_t>((z ^ (z >> 31)) >> 48);
}

std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte - 'A' + 'a') : byte;
}

// The same question: letters of the name in either case, since some servers answer in lower case
// and the client, who may have mixed them on purpose, compares for itself. Lengths of labels are
// below the letters.
bool same_question(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  const std::size_t name = a.size() - 4;
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(name), b.begin(),
                    [](std::uint8_t x, std::uint8_t y) { return lower(x) == lower(y); }) &&
         std::equal(a.begin() + static_cast<std::ptrdiff_t>(name), a.end(),
                    b.begin() + static_cast<std::ptrdiff_t>(name));
}

// What another server may know better about.
bool is_failure(Bytes message) {
  const unsigned rcode = LDNS_RCODE_WIRE(message.data());
  return rcode == LDNS_RCODE_SERVFAIL || rcode == LDNS_RCODE_REFUSED || rcode == LDNS_RCODE_NOTIMPL;
}

}  // namespace

Exchange::Exchange(Bytes query, Query read, Transport transport, ResolversPtr resolvers,
                   TimePoint now, std::uint64_t entropy)
    : query_(query.begin(), query.end()),
      read_(std::move(read)),
      transport_(transport),
      resolvers_(std::move(resolvers)),
      end_(now + resolvers_->give_up),
      entropy_(entropy),
      due_(now),
      failed_(resolvers_->servers.size()) {}

std::optional<std::size_t> Exchange::server_in_turn() const {
  const std::size_t count = failed_.size();
  const std::size_t start = tries_.empty() ? 0 : tries_.back().server + 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t server = (start + i) % count;
    if (!failed_[server]) return server;
  }
  return std::nullopt;
}

Exchange::Ask Exchange::ask(std::size_t server, Transport transport) {
  const std::size_t attempt = tries_.size();
  const std::uint16_t id = id_of_try(entropy_, attempt);
  tries_.push_back({server, id, transport});
  Ask out{resolvers_->servers[server], attempt, transport, query_};
  LDNS_ID_SET(out.message.data(), id);
  return out;
}

std::optional<Exchange::Ask> Exchange::next(TimePoint now) {
  if (now >= end_ || tries_.size() >= kMaxAttempts) return std::nullopt;
  if (ask_over_tcp_) {
    const std::size_t server = *ask_over_tcp_;
    ask_over_tcp_.reset();
    return ask(server, Transport::tcp);
  }
  if (now < due_) return std::nullopt;
  const auto server = server_in_turn();
  if (!server) return std::nullopt;
  due_ = now + resolvers_->try_again;
  return ask(*server, transport_);
}

TimePoint Exchange::deadline() const {
  const bool more = tries_.size() < kMaxAttempts && server_in_turn().has_value();
  return more ? std::min(due_, end_) : end_;
}

bool Exchange::answers(const Try& attempt, Bytes message) const {
  if (message.size() < kHeader || LDNS_QR_WIRE(message.data()) == 0) return false;
  if (LDNS_ID_WIRE(message.data()) != attempt.id) return false;
  if (LDNS_OPCODE_WIRE(message.data()) != LDNS_PACKET_QUERY) return false;
  const std::uint16_t questions = LDNS_QDCOUNT(message.data());
  // Some servers leave the question out of a refusal: that says nothing about any name.
  if (questions == 0)
    return is_failure(message) || LDNS_RCODE_WIRE(message.data()) == LDNS_RCODE_FORMERR;
  return questions == 1 && message.size() >= kHeader + read_.question.size() &&
         same_question(read_.question, message.subspan(kHeader, read_.question.size()));
}

Message Exchange::for_pod(Bytes message) const { return with_id(message, read_.id); }

void Exchange::server_failed(std::size_t server, TimePoint now) {
  failed_[server] = true;
  due_ = std::min(due_, now);
}

std::optional<Message> Exchange::on_answer(std::size_t attempt, Bytes message, TimePoint now) {
  if (attempt >= tries_.size() || !answers(tries_[attempt], message)) return std::nullopt;
  const Try& asked = tries_[attempt];
  if (is_failure(message)) {
    last_failure_ = for_pod(message);
    return on_failure(attempt, now);
  }
  const bool truncated = LDNS_TC_WIRE(message.data()) != 0;
  const std::size_t limit = read_.answer_limit(transport_);
  if (asked.transport == Transport::udp && truncated && limit > kUsualLimit) {
    if (!truncated_.empty()) return std::nullopt;  // TCP is on its way
    truncated_ = for_pod(message);
    ask_over_tcp_ = asked.server;
    return std::nullopt;
  }
  // What was fetched over TCP and is still too long for the pod: let it ask over TCP itself.
  if (message.size() > limit && !truncated_.empty()) return truncated_;
  return for_pod(message);
}

std::optional<Message> Exchange::on_failure(std::size_t attempt, TimePoint now) {
  if (attempt >= tries_.size()) return std::nullopt;
  if (tries_[attempt].transport != transport_) return truncated_;
  server_failed(tries_[attempt].server, now);
  return std::nullopt;
}

bool Exchange::given_up(TimePoint now) const {
  if (now >= end_) return true;
  return !ask_over_tcp_ && truncated_.empty() && !server_in_turn();
}

Message Exchange::failure() const {
  if (!truncated_.empty()) return truncated_;
  return last_failure_.empty() ? write_failure(read_, Rcode::serv_fail) : last_failure_;
}

}  // namespace culvert::dns
