#include "dns/wire.hpp"

#include <array>

namespace culvert::dns {

namespace {

// What hostnames are made of, in lower case; zero for every byte that is written as \DDD.
constexpr std::array<char, 256> kPlain = [] {
  std::array<char, 256> table{};
  for (char c = 'a'; c <= 'z'; ++c) {
    table[static_cast<unsigned char>(c)] = c;
    table[static_cast<unsigned char>(c - 'a' + 'A')] = c;
  }
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = c;
  for (const char c : {'-', '_', '*'}) table[static_cast<unsigned char>(c)] = c;
  return table;
}();

void append_byte(std::string& text, std::uint8_t byte) {
  if (const char plain = kPlain[byte]; plain != 0) {
    text += plain;
    return;
  }
  text += '\\';
  text += static_cast<char>('0' + byte / 100);
  text += static_cast<char>('0' + byte / 10 % 10);
  text += static_cast<char>('0' + byte % 10);
}

}  // namespace

std::optional<std::size_t> plain_name_length(Bytes message, std::size_t at) {
  std::size_t end = at;
  while (end < message.size()) {
    const std::size_t label = message[end];
    if (label > LDNS_MAX_LABELLEN) return std::nullopt;
    end += 1 + label;
    if (end - at > LDNS_MAX_DOMAINLEN) return std::nullopt;
    if (label == 0) return end - at;
  }
  return std::nullopt;
}

std::string name_text(Bytes wire) {
  std::string text;
  text.reserve(64);
  for (std::size_t at = 0; wire[at] != 0; at += 1 + std::size_t{wire[at]}) {
    if (at != 0) text += '.';
    for (const std::uint8_t byte : wire.subspan(at + 1, wire[at])) append_byte(text, byte);
  }
  return text;
}

Message name_wire(std::string_view text) {
  const std::string absolute = std::string(text) + ".";
  ldns_rdf* name = ldns_dname_new_frm_str(absolute.c_str());
  if (name == nullptr) return {};
  const std::uint8_t* data = ldns_rdf_data(name);
  Message wire(data, data + ldns_rdf_size(name));
  ldns_rdf_deep_free(name);
  return wire;
}

void put_header(Message& out, const AnswerHeader& header, bool question) {
  const std::size_t start = out.size();
  out.resize(start + kHeader);
  std::uint8_t* wire = out.data() + start;
  LDNS_ID_SET(wire, header.id);
  LDNS_QR_SET(wire);
  wire[2] |=
      static_cast<std::uint8_t>((unsigned{header.opcode} << LDNS_OPCODE_SHIFT) & LDNS_OPCODE_MASK);
  if (header.authoritative) LDNS_AA_SET(wire);
  if (header.recursion_desired) LDNS_RD_SET(wire);
  LDNS_RA_SET(wire);
  if (header.checking_disabled) LDNS_CD_SET(wire);
  wire[3] |= static_cast<std::uint8_t>(static_cast<unsigned>(header.rcode) & LDNS_RCODE_MASK);
  ldns_write_uint16(wire + LDNS_QDCOUNT_OFF, question ? 1 : 0);
}

void put_opt(Message& out, const Edns& edns, Rcode rcode) {
  constexpr std::uint32_t kDnssecOk = 0x8000;
  out.push_back(0);  // the root
  put16(out, LDNS_RR_TYPE_OPT);
  put16(out, edns.payload);
  const std::uint32_t upper = static_cast<unsigned>(rcode) >> 4;
  put32(out, upper << 24 | (edns.dnssec_ok ? kDnssecOk : 0));
  put16(out, 0);
  ldns_write_uint16(out.data() + LDNS_ARCOUNT_OFF, 1);
}

}  // namespace culvert::dns
