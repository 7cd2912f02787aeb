#include "culvert/dns/lookup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ldns/ldns.h>

#include <initializer_list>
#include <string>

namespace culvert::dns {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

Resolvers resolvers(std::string_view text) { return Resolvers::parse(text); }

TEST(NamesToTry, FollowSearchAndDots) {
  const auto kube = resolvers("search shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n");
  EXPECT_THAT(names_to_try("db", kube),
              ElementsAre("db.shop.svc.cluster.local", "db.svc.cluster.local", "db"));
  EXPECT_THAT(names_to_try("a.b.c.d.e.example", kube).front(), "a.b.c.d.e.example");
  EXPECT_THAT(names_to_try("DB.Example.", kube), ElementsAre("db.example"));
  EXPECT_THAT(names_to_try("db.example", resolvers("")), ElementsAre("db.example"));
  EXPECT_THAT(names_to_try("db.example", resolvers("search corp\n")),
              ElementsAre("db.example", "db.example.corp"));
}

TEST(WriteQuery, IsReadAsWritten) {
  const Message wire = write_query("db.example", kTypeAaaa);
  const auto read = read_query(wire);
  const auto* query = std::get_if<Query>(&read);
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->name, "db.example");
  EXPECT_EQ(query->type, kTypeAaaa);
  EXPECT_TRUE(query->recursion_desired);
}

TEST(WriteQuery, RefusesWhatIsNoName) {
  EXPECT_TRUE(write_query("a..b", kTypeA).empty());
  EXPECT_TRUE(write_query(std::string(64, 'a') + ".example", kTypeA).empty());
  std::string endless = "a";
  while (endless.size() < 300) endless += ".a";
  EXPECT_TRUE(write_query(endless, kTypeA).empty());
}

// The library's own encoder makes the answers, so that reading is not tested against our writing.
Message answer(ldns_pkt_rcode rcode, std::initializer_list<const char*> answers,
               std::initializer_list<const char*> authority = {},
               ldns_rr_type type = LDNS_RR_TYPE_A) {
  ldns_pkt* packet =
      ldns_pkt_query_new(ldns_dname_new_frm_str("db.example."), type, LDNS_RR_CLASS_IN, LDNS_RD);
  ldns_pkt_set_qr(packet, true);
  ldns_pkt_set_rcode(packet, rcode);
  const auto push = [packet](ldns_pkt_section section, const char* text) {
    ldns_rr* record = nullptr;
    ASSERT_EQ(ldns_rr_new_frm_str(&record, text, 0, nullptr, nullptr), LDNS_STATUS_OK) << text;
    ldns_pkt_push_rr(packet, section, record);
  };
  for (const auto* text : answers) push(LDNS_SECTION_ANSWER, text);
  for (const auto* text : authority) push(LDNS_SECTION_AUTHORITY, text);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
  Message out(wire, wire + size);
  LDNS_FREE(wire);
  ldns_pkt_free(packet);
  return out;
}

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(ReadAddresses, TakesThoseOfTheNameOnce) {
  const auto found =
      read_addresses(answer(LDNS_RCODE_NOERROR,
                            {"db.example. 60 IN A 198.18.0.1", "DB.example. 20 IN A 198.18.0.2",
                             "db.example. 60 IN A 198.18.0.1", "else.example. 1 IN A 198.18.0.9"}),
                     kTypeA);
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->addresses, ElementsAre(ip("198.18.0.1"), ip("198.18.0.2")));
  EXPECT_EQ(found->good_for, seconds(20));
}

TEST(ReadAddresses, FollowsAliases) {
  const auto found = read_addresses(
      answer(LDNS_RCODE_NOERROR,
             {"real.example. 60 IN AAAA 2001:2::1", "db.example. 30 IN CNAME alias.example.",
              "alias.example. 7 IN CNAME real.example."},
             {}, LDNS_RR_TYPE_AAAA),
      kTypeAaaa);
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->addresses, ElementsAre(ip("2001:2::1")));
  EXPECT_EQ(found->good_for, seconds(7));
}

TEST(ReadAddresses, AliasesInACircleEnd) {
  const auto found = read_addresses(
      answer(LDNS_RCODE_NOERROR,
             {"db.example. 30 IN CNAME b.example.", "b.example. 30 IN CNAME db.example."}),
      kTypeA);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->addresses.empty());
}

TEST(ReadAddresses, NothingIsGoodForWhatTheZoneSays) {
  const auto missing = read_addresses(
      answer(LDNS_RCODE_NXDOMAIN, {}, {"example. 90 IN SOA a. b. 1 2 3 4 11"}), kTypeA);
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->rcode, Rcode::nx_domain);
  EXPECT_EQ(missing->good_for, seconds(11));
  const auto silent = read_addresses(answer(LDNS_RCODE_NOERROR, {}), kTypeA);
  ASSERT_TRUE(silent.has_value());
  EXPECT_EQ(silent->good_for, seconds(5));
}

TEST(ReadAddresses, RefusesJunk) {
  Message cut = answer(LDNS_RCODE_NOERROR, {"db.example. 60 IN A 198.18.0.1"});
  for (std::size_t size = 0; size + 1 < cut.size(); ++size)
    EXPECT_TRUE(read_addresses(Bytes(cut).first(size), kTypeA).has_error() ||
                read_addresses(Bytes(cut).first(size), kTypeA)->addresses.empty())
        << size;
}

}  // namespace
}  // namespace culvert::dns
