// What is written is read back by the library: at every limit a well-formed message that says what
// it should and is no longer than allowed.
#include "dns/wire_text.hpp"

#include "culvert/base/random.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace culvert::dns {
namespace {

using test::answers_of;
using test::query_of;

std::vector<IpAddress> many(std::size_t count, bool v6) {
  std::vector<IpAddress> list;
  for (std::size_t i = 0; i < count; ++i) {
    const auto hi = static_cast<std::uint8_t>(i >> 8), lo = static_cast<std::uint8_t>(i);
    std::array<std::uint8_t, 16> raw{0x20, 1, 0, 2};
    raw[14] = hi;
    raw[15] = lo;
    list.push_back(v6 ? IpAddress::from_bytes(raw).value() : IpAddress::v4(10, 1, hi, lo));
  }
  return list;
}

TEST(WriteAnswer, AddressesBelongToTheNameAsAsked) {
  const Query query = query_of({.name = "wEb.Shop", .id = 99});
  Records records;
  records.addresses = {IpAddress::v4(10, 96, 0, 7), IpAddress::v4(10, 96, 0, 8)};
  const Message wire = write_answer(query, records, Transport::udp);
  const auto packet = test::parse(wire);
  ASSERT_NE(packet, nullptr);
  EXPECT_EQ(ldns_pkt_id(packet.get()), 99);
  EXPECT_TRUE(ldns_pkt_qr(packet.get()));
  EXPECT_TRUE(ldns_pkt_aa(packet.get()));
  EXPECT_TRUE(ldns_pkt_ra(packet.get()));
  EXPECT_TRUE(ldns_pkt_rd(packet.get()));
  EXPECT_FALSE(ldns_pkt_tc(packet.get()));
  EXPECT_FALSE(ldns_pkt_ad(packet.get()));
  EXPECT_FALSE(ldns_pkt_cd(packet.get()));
  EXPECT_FALSE(ldns_pkt_edns(packet.get())) << "nobody asked for it";
  EXPECT_EQ(answers_of(wire), (std::vector<std::string>{"wEb.Shop. 30 IN A 10.96.0.7",
                                                        "wEb.Shop. 30 IN A 10.96.0.8"}));
  EXPECT_EQ(wire.size(), 12 + query.question.size() + 2 * 16) << "owners are compressed";
}

TEST(WriteAnswer, AnAliasGoesFirst) {
  const Query query = query_of({.name = "Api.Example.shop.svc.cluster.local", .type = kTypeAaaa});
  Records records;
  records.owner = "api.example";
  records.addresses = {IpAddress::parse("2001:2::7").value()};
  EXPECT_EQ(
      answers_of(write_answer(query, records, Transport::udp)),
      (std::vector<std::string>{"Api.Example.shop.svc.cluster.local. 30 IN CNAME api.example.",
                                "api.example. 30 IN AAAA 2001:2::7"}));
}

TEST(WriteAnswer, Pointers) {
  const Query query = query_of({.name = "1.0.0.127.in-addr.arpa", .type = kTypePtr});
  Records records;
  records.pointer = "localhost";
  EXPECT_EQ(answers_of(write_answer(query, records, Transport::udp)),
            (std::vector<std::string>{"1.0.0.127.in-addr.arpa. 30 IN PTR localhost."}));
}

TEST(WriteAnswer, TheOptRecordIsMirrored) {
  const Query query =
      query_of({.name = "a", .payload = 1400, .dnssec_ok = true, .checking_disabled = true});
  for (const Rcode rcode : {Rcode::no_error, Rcode::nx_domain, Rcode::serv_fail}) {
    const auto packet = test::parse(write_failure(query, rcode));
    ASSERT_NE(packet, nullptr);
    EXPECT_TRUE(ldns_pkt_edns(packet.get()));
    EXPECT_EQ(ldns_pkt_edns_udp_size(packet.get()), 1400);
    EXPECT_TRUE(ldns_pkt_edns_do(packet.get()));
    EXPECT_EQ(ldns_pkt_edns_version(packet.get()), 0);
    EXPECT_TRUE(ldns_pkt_ra(packet.get()));
    EXPECT_TRUE(ldns_pkt_cd(packet.get()));
    EXPECT_EQ(static_cast<unsigned>(ldns_pkt_get_rcode(packet.get())),
              static_cast<unsigned>(rcode));
  }
}

TEST(WriteAnswer, NothingFoundIsAnAnswer) {
  const Message wire = write_answer(query_of({.name = "a", .type = kTypeAaaa}), {}, Transport::udp);
  const auto packet = test::parse(wire);
  EXPECT_EQ(ldns_pkt_get_rcode(packet.get()), LDNS_RCODE_NOERROR);
  EXPECT_TRUE(ldns_pkt_aa(packet.get()));
  EXPECT_EQ(ldns_pkt_ancount(packet.get()), 0);
  EXPECT_FALSE(ldns_pkt_tc(packet.get()));
}

void check_limit(const Query& query, const Records& records, Transport transport) {
  const Message wire = write_answer(query, records, transport);
  const std::size_t limit = query.answer_limit(transport);
  ASSERT_LE(wire.size(), limit);
  const auto packet = test::parse(wire);
  ASSERT_NE(packet, nullptr) << records.addresses.size();
  EXPECT_EQ(ldns_pkt_edns(packet.get()), query.edns.has_value());
  const std::size_t extra = records.owner.empty() ? 0 : 1;
  const std::size_t written = ldns_pkt_ancount(packet.get());
  const bool whole = written == records.addresses.size() + extra;
  EXPECT_EQ(ldns_pkt_tc(packet.get()), !whole && transport == Transport::udp);
  const std::size_t record = query.type == kTypeA ? 16 : 28;
  if (!whole) {
    EXPECT_GT(wire.size() + record, limit) << "there was room for one more";
  }
  if (extra == 0) {
    EXPECT_EQ(written, std::min(records.addresses.size(), addresses_that_fit(query, transport)));
  }
  for (std::size_t i = extra; i < written; ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(ldns_pkt_answer(packet.get()), i);
    const ldns_rdf* data = ldns_rr_rdf(rr, 0);
    const Bytes raw(ldns_rdf_data(data), ldns_rdf_size(data));
    EXPECT_EQ(IpAddress::from_bytes(raw).value(), records.addresses[i - extra]);
  }
}

TEST(WriteAnswer, IsWellFormedAndWithinEveryLimit) {
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + "." + std::string(61, 'd');
  for (const std::uint16_t payload :
       std::array<std::uint16_t, 7>{0, 512, 513, 600, 1232, 4096, 65535}) {
    for (const std::string& name : {std::string("web"), longest}) {
      for (const std::uint16_t type : {kTypeA, kTypeAaaa}) {
        const Query query = query_of({.name = name, .type = type, .payload = payload});
        for (const std::size_t count : {0U, 1U, 8U, 17U, 30U, 31U, 100U, 300U}) {
          Records records;
          records.addresses = many(count, type == kTypeAaaa);
          check_limit(query, records, Transport::udp);
          check_limit(query, records, Transport::tcp);
          records.owner = "x." + name.substr(0, 63);
          check_limit(query, records, Transport::udp);
        }
      }
    }
  }
}

TEST(WriteAnswer, TcpHoldsWhatTheFormatHolds) {
  const Query query = query_of({.name = "web", .payload = 1232});
  Records records;
  records.addresses = many(5000, false);
  const Message wire = write_answer(query, records, Transport::tcp);
  const auto packet = test::parse(wire);
  ASSERT_NE(packet, nullptr);
  EXPECT_FALSE(ldns_pkt_tc(packet.get())) << "there is nothing left to ask by";
  EXPECT_GT(ldns_pkt_ancount(packet.get()), 4000);
}

}  // namespace
}  // namespace culvert::dns
