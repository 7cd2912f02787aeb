#include "culvert/dns/lookup.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "culvert/state/service.hpp"
#include "dns/wire.hpp"

namespace culvert::dns {

namespace {

using std::chrono::seconds;

// What an answer without a record that says otherwise is good for.
constexpr seconds kShortly{5};
constexpr seconds kDay{86'400};
constexpr std::size_t kMostAliases = 16;  // CNAMEs behind one another

struct FreePacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

seconds life_of(const ldns_rr* record) { return seconds(ldns_rr_ttl(record)); }

std::optional<IpAddress> address_in(const ldns_rr* record) {
  if (ldns_rr_rd_count(record) != 1) return std::nullopt;
  const ldns_rdf* data = ldns_rr_rdf(record, 0);
  const auto ip = IpAddress::from_bytes(Bytes(ldns_rdf_data(data), ldns_rdf_size(data)));
  return ip ? std::optional(*ip) : std::nullopt;
}

// Walks from the queried name along the aliases in one answer.
class Walk {
 public:
  Walk(const ldns_pkt& packet, std::uint16_t type) : answers_(ldns_pkt_answer(&packet)) {
    const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(&packet), 0);
    const ldns_rdf* name = ldns_rr_owner(question);
    for (std::size_t i = 0; i < kMostAliases && name != nullptr; ++i) {
      collect(name, type);
      if (!found_.addresses.empty()) break;
      name = alias_of(name);
    }
  }

  std::vector<IpAddress> addresses() && { return std::move(found_.addresses); }
  seconds shortest() const { return shortest_; }

 private:
  template <class F>
  void each(const ldns_rdf* owner, ldns_rr_type type, F use) {
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(answers_); ++i) {
      const ldns_rr* record = ldns_rr_list_rr(answers_, i);
      if (ldns_rr_get_type(record) == type && ldns_dname_compare(ldns_rr_owner(record), owner) == 0)
        use(record);
    }
  }

  void collect(const ldns_rdf* owner, std::uint16_t type) {
    each(owner, static_cast<ldns_rr_type>(type), [this](const ldns_rr* record) {
      const auto ip = address_in(record);
      auto& known = found_.addresses;
      if (!ip || std::find(known.begin(), known.end(), *ip) != known.end()) return;
      known.push_back(*ip);
      shortest_ = std::min(shortest_, life_of(record));
    });
  }

  const ldns_rdf* alias_of(const ldns_rdf* owner) {
    const ldns_rdf* target = nullptr;
    each(owner, LDNS_RR_TYPE_CNAME, [&](const ldns_rr* record) {
      if (target != nullptr || ldns_rr_rd_count(record) != 1) return;
      target = ldns_rr_rdf(record, 0);
      shortest_ = std::min(shortest_, life_of(record));
    });
    return target;
  }

  const ldns_rr_list* answers_;
  Found found_;
  seconds shortest_ = kDay;
};

// How long nothing is nothing: what the zone says in its SOA record.
seconds life_of_nothing(const ldns_pkt& packet) {
  const ldns_rr_list* authority = ldns_pkt_authority(&packet);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(authority); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(authority, i);
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(record) != 7) continue;
    const seconds minimum(ldns_rdf2native_int32(ldns_rr_rdf(record, 6)));
    return std::min({minimum, life_of(record), kDay});
  }
  return kShortly;
}

}  // namespace

std::vector<std::string> names_to_try(std::string_view hostname, const Resolvers& resolvers) {
  const bool absolute = hostname.ends_with('.');
  const std::string name = state::normal_hostname(hostname);
  if (absolute) return {name};
  std::vector<std::string> names;
  for (const auto& domain : resolvers.search) names.push_back(name + "." + domain);
  const auto dots = static_cast<unsigned>(std::count(name.begin(), name.end(), '.'));
  names.insert(dots >= resolvers.ndots ? names.begin() : names.end(), name);
  return names;
}

Message write_query(std::string_view name, std::uint16_t type) {
  const Message owner = name_wire(name);
  if (owner.empty()) return {};
  Message out(kHeader);
  LDNS_RD_SET(out.data());
  ldns_write_uint16(out.data() + LDNS_QDCOUNT_OFF, 1);
  out.insert(out.end(), owner.begin(), owner.end());
  put16(out, type);
  put16(out, LDNS_RR_CLASS_IN);
  return out;
}

Result<Found> read_addresses(Bytes answer, std::uint16_t type) {
  ldns_pkt* parsed = nullptr;
  const ldns_status status = ldns_wire2pkt(&parsed, answer.data(), answer.size());
  const Packet packet(parsed);
  if (status != LDNS_STATUS_OK)
    return fail(Errc::protocol, "bad DNS answer: " + std::string(ldns_get_errorstr_by_id(status)));
  if (ldns_rr_list_rr_count(ldns_pkt_question(packet.get())) != 1)
    return fail(Errc::protocol, "bad DNS answer: it does not repeat the question");
  Walk walk(*packet, type);
  Found found;
  found.rcode = static_cast<Rcode>(ldns_pkt_get_rcode(packet.get()));
  found.good_for = walk.shortest();
  found.addresses = std::move(walk).addresses();
  if (found.addresses.empty()) found.good_for = life_of_nothing(*packet);
  return found;
}

}  // namespace culvert::dns
