// Messages as text, both ways, by the library's own parser: what is written by hand in the room is
// checked against somebody else's reading of the RFCs.
#pragma once

#include "culvert/dns/message.hpp"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::dns::test {

using Packet = std::unique_ptr<ldns_pkt, decltype([](ldns_pkt* p) { ldns_pkt_free(p); })>;

struct Asked {
  std::string name;  // as ldns reads names: "\\046" escapes work
  std::uint16_t type = kTypeA;
  std::uint16_t id = 0x1234;
  std::uint16_t payload = 0;  // 0: no OPT record
  bool dnssec_ok = false;
  std::uint8_t edns_version = 0;
  std::uint16_t class_ = LDNS_RR_CLASS_IN;
  bool checking_disabled = false;
};

// The query in wire format, made by the library.
inline Message wire_of(const Asked& asked) {
  ldns_rdf* name = ldns_dname_new_frm_str((asked.name + ".").c_str());
  EXPECT_NE(name, nullptr) << asked.name;
  const Packet packet(ldns_pkt_query_new(name, static_cast<ldns_rr_type>(asked.type),
                                         static_cast<ldns_rr_class>(asked.class_),
                                         asked.checking_disabled ? LDNS_RD | LDNS_CD : LDNS_RD));
  ldns_pkt_set_id(packet.get(), asked.id);
  if (asked.payload != 0) {
    ldns_pkt_set_edns_udp_size(packet.get(), asked.payload);
    ldns_pkt_set_edns_do(packet.get(), asked.dnssec_ok);
    ldns_pkt_set_edns_version(packet.get(), asked.edns_version);
  }
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(ldns_pkt2wire(&wire, packet.get(), &size), LDNS_STATUS_OK);
  Message out(wire, wire + size);
  std::free(wire);
  return out;
}

// The query as the room reads it; the test fails when it does not.
inline Query query_of(const Asked& asked) {
  auto read = read_query(wire_of(asked));
  EXPECT_TRUE(std::holds_alternative<Query>(read)) << asked.name;
  auto* query = std::get_if<Query>(&read);
  return query == nullptr ? Query{} : std::move(*query);
}

// Null when the library cannot read it.
inline Packet parse(Bytes wire) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, wire.data(), wire.size()) != LDNS_STATUS_OK) return nullptr;
  return Packet(packet);
}

// The records of a section as "owner TTL class type data" with single spaces.
inline std::vector<std::string> texts(const ldns_rr_list* list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    char* text = ldns_rr2str(ldns_rr_list_rr(list, i));
    std::string line(text);
    std::free(text);
    while (!line.empty() && line.back() == '\n') line.pop_back();
    for (char& c : line) c = c == '\t' ? ' ' : c;
    out.push_back(std::move(line));
  }
  return out;
}
inline std::vector<std::string> answers_of(Bytes wire) {
  const Packet packet = parse(wire);
  EXPECT_NE(packet, nullptr);
  return packet == nullptr ? std::vector<std::string>{} : texts(ldns_pkt_answer(packet.get()));
}

}  // namespace culvert::dns::test
