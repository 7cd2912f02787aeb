#include "state/match.hpp"

#include <algorithm>

namespace culvert::state {

namespace {

std::size_t length_of(const Pieces& text) {
  std::size_t sum = 0;
  for (const std::string_view piece : text) sum += piece.size();
  return sum;
}

// Whether `value` stands at `offset` of the joined text, which is long enough.
bool stands_at(const Pieces& text, std::size_t offset, std::string_view value) {
  for (std::string_view piece : text) {
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    piece.remove_prefix(offset);
    offset = 0;
    const std::size_t n = std::min(piece.size(), value.size());
    if (piece.substr(0, n) != value.substr(0, n)) return false;
    value.remove_prefix(n);
    if (value.empty()) return true;
  }
  return value.empty();
}

// Positive values: one must hit, where there are any. Negative values: none may.
template <class Values, class Hit>
bool holds(const Values& values, const Values& not_values, Hit hit) {
  return (values.empty() || std::any_of(values.begin(), values.end(), hit)) &&
         std::none_of(not_values.begin(), not_values.end(), hit);
}

}  // namespace

Pieces principal_pieces(const Identity* identity) {
  if (identity == nullptr) return {};
  return {identity->trust_domain.view(), "/ns/", identity->namespace_.view(), "/sa/",
          identity->service_account.view()};
}

bool matches(const StringMatch& match, const Pieces& text) {
  const std::size_t length = length_of(text);
  const std::size_t size = match.value.size();
  switch (match.kind) {
    case StringMatch::Kind::exact:
      return length == size && stands_at(text, 0, match.value);
    case StringMatch::Kind::prefix:
      return length >= size && stands_at(text, 0, match.value);
    case StringMatch::Kind::suffix:
      return length >= size && stands_at(text, length - size, match.value);
    case StringMatch::Kind::presence:
      return length > 0;
  }
  return false;
}

bool matches(const Match& match, const ConnectionFacts& facts) {
  if (match.empty()) return false;
  const Identity* identity = facts.identity ? &*facts.identity : nullptr;
  const Pieces principal = principal_pieces(identity);
  const Pieces namespace_{identity == nullptr ? std::string_view() : identity->namespace_.view()};
  const auto principal_hit = [&](const StringMatch& m) {
    return identity != nullptr && matches(m, principal);
  };
  const auto namespace_hit = [&](const StringMatch& m) { return matches(m, namespace_); };
  const auto account_hit = [&](const ServiceAccountMatch& m) {
    return identity != nullptr && m.namespace_ == identity->namespace_ &&
           m.service_account == identity->service_account;
  };
  const auto source_hit = [&](const IpPrefix& p) { return p.contains(facts.source.ip); };
  const auto destination_hit = [&](const IpPrefix& p) { return p.contains(facts.destination.ip); };
  const auto port_hit = [&](std::uint16_t port) { return port == facts.destination.port; };
  return holds(match.principals, match.not_principals, principal_hit) &&
         holds(match.namespaces, match.not_namespaces, namespace_hit) &&
         holds(match.service_accounts, match.not_service_accounts, account_hit) &&
         holds(match.source_ips, match.not_source_ips, source_hit) &&
         holds(match.destination_ips, match.not_destination_ips, destination_hit) &&
         holds(match.destination_ports, match.not_destination_ports, port_hit);
}

}  // namespace culvert::state
