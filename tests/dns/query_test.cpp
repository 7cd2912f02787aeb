// Whatever a pod sends is a query, a refusal or silence.
#include "dns/wire_text.hpp"

#include "dns/wire.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace culvert::dns {
namespace {

using test::Asked;
using test::query_of;
using test::wire_of;

Rcode refused(const Message& wire) {
  const auto read = read_query(wire);
  const auto* refusal = std::get_if<Refusal>(&read);
  if (refusal == nullptr) return Rcode::no_error;
  const auto packet = test::parse(refusal->answer);
  EXPECT_NE(packet, nullptr);
  EXPECT_TRUE(ldns_pkt_qr(packet.get()));
  EXPECT_TRUE(ldns_pkt_ra(packet.get())) << "a resolver says that it is one, also when it refuses";
  EXPECT_EQ(ldns_pkt_id(packet.get()), ldns_read_uint16(wire.data()));
  EXPECT_EQ(ldns_pkt_ancount(packet.get()), 0);
  const auto low = static_cast<unsigned>(ldns_pkt_get_rcode(packet.get()));
  EXPECT_EQ(low | unsigned{ldns_pkt_edns_extended_rcode(packet.get())} << 4U,
            static_cast<unsigned>(refusal->rcode));
  return refusal->rcode;
}
bool silent(const Message& wire) { return std::holds_alternative<Silence>(read_query(wire)); }

// A header with these counts and whatever follows.
Message raw(std::uint16_t questions, std::uint16_t additional, const Message& body) {
  Message out(12);
  ldns_write_uint16(out.data(), 7);
  out[2] = 1;  // RD
  ldns_write_uint16(out.data() + 4, questions);
  ldns_write_uint16(out.data() + 10, additional);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}
Message operator+(Message a, const Message& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Message label(std::string_view text) {
  Message out{static_cast<std::uint8_t>(text.size())};
  out.insert(out.end(), text.begin(), text.end());
  return out;
}
const Message kRoot{0};
const Message kAIn{0, 1, 0, 1};
const Message kOpt{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};

TEST(ReadQuery, ReadsWhatIsAsked) {
  const Query query = query_of({.name = "WeB.Shop.svc",
                                .type = kTypeAaaa,
                                .id = 77,
                                .payload = 1232,
                                .dnssec_ok = true,
                                .checking_disabled = true});
  EXPECT_EQ(query.id, 77);
  EXPECT_EQ(query.name, "web.shop.svc");
  EXPECT_EQ(query.type, kTypeAaaa);
  EXPECT_TRUE(query.recursion_desired);
  EXPECT_TRUE(query.checking_disabled);
  ASSERT_TRUE(query.edns);
  EXPECT_EQ(query.edns->payload, 1232);
  EXPECT_TRUE(query.edns->dnssec_ok);
  const Message question =
      label("WeB") + label("Shop") + label("svc") + kRoot + Message{0, 28, 0, 1};
  EXPECT_EQ(query.question, question);
  EXPECT_EQ(query_of({.name = ""}).name, "") << "the root";
}

TEST(ReadQuery, LimitsOfAnAnswer) {
  EXPECT_EQ(query_of({.name = "a"}).answer_limit(Transport::udp), 512u);
  EXPECT_EQ(query_of({.name = "a", .payload = 100}).answer_limit(Transport::udp), 512u);
  EXPECT_EQ(query_of({.name = "a", .payload = 4096}).answer_limit(Transport::udp), 4096u);
  EXPECT_EQ(query_of({.name = "a", .payload = 65535}).answer_limit(Transport::udp), 4096u);
  EXPECT_EQ(query_of({.name = "a"}).answer_limit(Transport::tcp), 65535u);
}

TEST(ReadQuery, ResponsesAndScrapsAreNotAnswered) {
  Message response = wire_of({.name = "a.b"});
  response[2] |= 0x80;
  EXPECT_TRUE(silent(response));
  EXPECT_TRUE(silent({}));
  const Message whole = wire_of({.name = "a.b"});
  EXPECT_TRUE(silent(Message(whole.begin(), whole.begin() + 11)));
}

TEST(ReadQuery, TheOpcodeIsLookedAtFirst) {
  for (int opcode = 1; opcode < 16; ++opcode) {
    Message wire = raw(0, 0, {});
    wire[2] = static_cast<std::uint8_t>(opcode << 3 | 1);
    EXPECT_EQ(refused(wire), Rcode::not_imp) << opcode;
    const auto read = read_query(wire);
    const Message& answer = std::get<Refusal>(read).answer;
    EXPECT_EQ(answer[2] >> 3 & 15, opcode) << "the opcode is echoed";
  }
}

TEST(ReadQuery, FormErr) {
  const Message question = label("a") + kRoot + kAIn;
  EXPECT_EQ(refused(raw(0, 0, {})), Rcode::form_err);
  EXPECT_EQ(refused(raw(0, 1, kOpt)), Rcode::form_err);
  EXPECT_EQ(refused(raw(2, 0, question + question)), Rcode::form_err);
  EXPECT_EQ(refused(raw(1, 0, question + Message{0})), Rcode::form_err) << "bytes behind the end";
  EXPECT_EQ(refused(raw(1, 1, question)), Rcode::form_err) << "counted, not there";
  EXPECT_EQ(refused(raw(1, 2, question + kOpt + kOpt)), Rcode::form_err) << "two OPT records";
  EXPECT_EQ(refused(raw(1, 3, question + kOpt + kOpt + kOpt)), Rcode::form_err);
  const Message opt_with_owner = label("a") + kOpt;
  EXPECT_EQ(refused(raw(1, 1, question + opt_with_owner)), Rcode::form_err);
  Message answers = raw(1, 0, question);
  answers[7] = 1;
  EXPECT_EQ(refused(answers), Rcode::form_err) << "a query with an answer section";
  Message bad_option = kOpt + Message{0, 10, 0, 9, 1};
  bad_option[10] = 5;
  EXPECT_EQ(refused(raw(1, 1, question + bad_option)), Rcode::form_err);
  const auto read = read_query(raw(0, 0, {}));
  EXPECT_EQ(std::get<Refusal>(read).answer.size(), 12u) << "nothing to echo";
}

TEST(ReadQuery, NamesThatAreNone) {
  const Message label63 = label(std::string(63, 'x'));
  EXPECT_EQ(refused(raw(1, 0, Message{0xC0, 12} + kAIn)), Rcode::form_err) << "points to itself";
  EXPECT_EQ(refused(raw(1, 0, label("a") + Message{0xC0, 12} + kAIn)), Rcode::form_err);
  EXPECT_EQ(refused(raw(1, 0, Message{0xC0, 0} + kAIn)), Rcode::form_err) << "into the header";
  EXPECT_EQ(refused(raw(1, 0, Message{64} + Message(64, 'x') + kRoot + kAIn)), Rcode::form_err);
  EXPECT_EQ(refused(raw(1, 0, Message{0x80} + kRoot + kAIn)), Rcode::form_err);
  EXPECT_EQ(refused(raw(1, 0, label("abc"))), Rcode::form_err) << "no end";
  EXPECT_EQ(refused(raw(1, 0, Message{9, 'x'})), Rcode::form_err) << "a label without its end";
  EXPECT_EQ(refused(raw(1, 0, label("a") + kRoot + Message({0, 1, 0}))), Rcode::form_err);
  const Message longest = label63 + label63 + label63 + label(std::string(61, 'y')) + kRoot;
  ASSERT_EQ(longest.size(), 255u);
  EXPECT_EQ(refused(raw(1, 0, longest + kAIn)), Rcode::no_error);
  const Message longer = label63 + label63 + label63 + label(std::string(62, 'y')) + kRoot;
  EXPECT_EQ(refused(raw(1, 0, longer + kAIn)), Rcode::form_err);
}

TEST(ReadQuery, AnAdditionalRecordsOwnerCannotLoop) {
  const Message question = label("a") + kRoot + kAIn;
  const Message tail{0, 250, 0, 255, 0, 0, 0, 0, 0, 0};  // TSIG without data
  const auto with_owner = [&](const Message& owner) { return raw(1, 1, question + owner + tail); };
  EXPECT_EQ(refused(with_owner({0xC0, 12})), Rcode::no_error) << "the question's name";
  EXPECT_EQ(refused(with_owner(label("key") + Message{0xC0, 12})), Rcode::no_error);
  const auto itself = static_cast<std::uint8_t>(12 + question.size());
  EXPECT_EQ(refused(with_owner({0xC0, itself})), Rcode::form_err);
  EXPECT_EQ(refused(with_owner({0xC0, 15})), Rcode::form_err) << "the question's type";
  EXPECT_EQ(refused(with_owner({0xC0, 0})), Rcode::form_err);
  EXPECT_EQ(refused(with_owner({0xFF, 0xFF})), Rcode::form_err);
}

TEST(ReadQuery, OtherVersionsClassesAndTransfers) {
  EXPECT_EQ(refused(wire_of({.name = "a", .payload = 1232, .edns_version = 1})), Rcode::bad_vers);
  for (const std::uint16_t class_ :
       std::array<std::uint16_t, 4>{3, 4, 254, 255})  // CH, HS, NONE, ANY
    EXPECT_EQ(refused(wire_of({.name = "version.bind", .class_ = class_})), Rcode::refused);
  EXPECT_EQ(refused(wire_of({.name = "a", .type = LDNS_RR_TYPE_AXFR})), Rcode::not_imp);
  EXPECT_EQ(refused(wire_of({.name = "a", .type = LDNS_RR_TYPE_IXFR})), Rcode::not_imp);
}

TEST(ReadQuery, ARefusalEchoesTheQuestionAndTheOptRecord) {
  const auto read = read_query(wire_of({.name = "vErSion.BIND", .payload = 4096, .class_ = 3}));
  const Message& answer = std::get<Refusal>(read).answer;
  const auto packet = test::parse(answer);
  ASSERT_NE(packet, nullptr);
  EXPECT_TRUE(ldns_pkt_edns(packet.get()));
  EXPECT_EQ(ldns_pkt_edns_udp_size(packet.get()), 4096);
  ASSERT_EQ(ldns_pkt_qdcount(packet.get()), 1);
  EXPECT_EQ(Message(answer.begin() + 12, answer.begin() + 20), label("vErSion"));
}

// A byte inside a label can never pass for the border of two.
TEST(ReadQuery, EveryByteOfALabelHasItsOwnText) {
  std::vector<std::string> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto read =
        read_query(raw(1, 0, label(std::string("a") + c + "b") + label("c") + kRoot + kAIn));
    const auto& query = std::get<Query>(read);
    EXPECT_EQ(std::count(query.name.begin(), query.name.end(), '.'), 1) << byte;
    const bool lower = byte >= 'a' && byte <= 'z';  // their upper case came before
    EXPECT_EQ(std::count(seen.begin(), seen.end(), query.name), lower ? 1 : 0) << byte;
    seen.push_back(query.name);
    EXPECT_EQ(name_wire(query.name).size(), 7u) << "and it can be written back";
  }
  const auto dotted = read_query(raw(1, 0, label("a.b") + label("c\\") + kRoot + kAIn));
  EXPECT_EQ(std::get<Query>(dotted).name, "a\\046b.c\\092");
  const auto zero = read_query(raw(1, 0, label(std::string("a\0b", 3)) + kRoot + kAIn));
  EXPECT_EQ(std::get<Query>(zero).name, "a\\000b");
}

TEST(ReadQuery, TruncatedAnywhereItIsNoQuery) {
  const Message whole = wire_of({.name = "web.shop.svc.cluster.local", .payload = 1232});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_query(Bytes(whole).first(size));
    EXPECT_FALSE(std::holds_alternative<Query>(read)) << size;
    EXPECT_EQ(std::holds_alternative<Silence>(read), size < 12) << size;
  }
}

}  // namespace
}  // namespace culvert::dns
