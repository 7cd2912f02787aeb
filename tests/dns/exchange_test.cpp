// One query passed on: whom to ask when, and what counts as an answer.
#include "culvert/dns/exchange.hpp"

#include "dns/wire_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace culvert::dns {
namespace {

using namespace std::chrono_literals;
using test::Asked;
using test::wire_of;

constexpr std::uint64_t kEntropy = 0x0123456789ABCDEF;

// Turns a question, as a server got it, into an answer with these flags.
Message answer_to(const Message& asked, unsigned rcode = 0, bool truncated = false,
                  std::size_t records = 1) {
  Message out = asked;
  out[2] |= 0x80;
  if (truncated) out[2] |= 0x02;
  out[3] = static_cast<std::uint8_t>(0x80 | rcode);
  ldns_write_uint16(out.data() + 6, static_cast<std::uint16_t>(records));
  ldns_write_uint16(out.data() + 10, 0);
  for (std::size_t i = 0; i < records; ++i) {
    const Message record{0xC0, 12, 0, 1, 0,   1, 0, 0,
                         0,    60, 0, 4, 192, 0, 2, static_cast<std::uint8_t>(i)};
    out.insert(out.end(), record.begin(), record.end());
  }
  return out;
}
Message with_id(Message message, std::uint16_t id) {
  ldns_write_uint16(message.data(), id);
  return message;
}

class ExchangeTest : public ::testing::Test {
 protected:
  Exchange make(std::size_t servers, const Asked& asked = {.name = "www.Example.com"},
                Transport transport = Transport::udp) {
    Resolvers r;
    for (std::size_t i = 0; i < servers; ++i)
      r.servers.push_back({IpAddress::v4(198, 18, 0, static_cast<std::uint8_t>(i + 1)), 53});
    query = wire_of(asked);
    return Exchange(query, std::get<Query>(read_query(query)), transport,
                    std::make_shared<const Resolvers>(std::move(r)), now, kEntropy);
  }
  // The last byte of the server that is asked next, or 0.
  int next(Exchange& e) {
    last = e.next(now);
    return last ? last->server.ip.bytes()[3] : 0;
  }

  TimePoint now{};
  Message query;
  std::optional<Exchange::Ask> last;
};

TEST_F(ExchangeTest, AsksAsThePodDidButForTheId) {
  auto e = make(
      1, {.name = "www.Example.com", .type = 33, .id = 0x4242, .payload = 1232, .dnssec_ok = true});
  ASSERT_EQ(next(e), 1);
  EXPECT_EQ(last->transport, Transport::udp);
  EXPECT_EQ(last->attempt, 0u);
  EXPECT_NE(last->message, query);
  EXPECT_EQ(with_id(last->message, 0x4242), query);
  EXPECT_EQ(next(e), 0) << "one try at a time";
  EXPECT_EQ(e.deadline(), now + 1s);
}

TEST_F(ExchangeTest, IdsDifferByTryAndByEntropy) {
  std::set<std::uint16_t> ids;
  for (std::uint64_t entropy = 0; entropy < 200; ++entropy) {
    const Message wire = wire_of({.name = "a"});
    Resolvers r;
    r.servers.push_back({IpAddress::v4(198, 18, 0, 1), 53});
    Exchange e(wire, std::get<Query>(read_query(wire)), Transport::udp,
               std::make_shared<const Resolvers>(r), now, entropy);
    for (int attempt = 0; attempt < 3; ++attempt)
      ids.insert(ldns_read_uint16(e.next(now + attempt * 1s)->message.data()));
  }
  EXPECT_GT(ids.size(), 580u);
}

TEST_F(ExchangeTest, AnAnswerComesBackByteForByteWithThePodsId) {
  auto e = make(1);
  next(e);
  const Message came = answer_to(last->message, LDNS_RCODE_NXDOMAIN);
  const auto got = e.on_answer(0, came, now);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, with_id(came, 0x1234));
}

TEST_F(ExchangeTest, WhatDoesNotAnswerTheQuestionIsPassedOver) {
  auto e = make(1);
  next(e);
  const Message right = answer_to(last->message);
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    Message m = right;
    m[at] = value;
    return m;
  };
  EXPECT_FALSE(e.on_answer(0, {}, now));
  EXPECT_FALSE(e.on_answer(0, Bytes(right).first(11), now));
  EXPECT_FALSE(e.on_answer(0, Bytes(right).first(20), now)) << "cut inside the question";
  EXPECT_FALSE(e.on_answer(0, with_id(right, 1), now));
  EXPECT_FALSE(e.on_answer(0, changed(2, 1), now)) << "no response";
  EXPECT_FALSE(e.on_answer(0, changed(2, 0x81 | 4 << 3), now)) << "another opcode";
  EXPECT_FALSE(e.on_answer(0, changed(5, 2), now)) << "two questions";
  EXPECT_FALSE(e.on_answer(0, changed(5, 0), now)) << "none";
  EXPECT_FALSE(e.on_answer(0, changed(13, 'v'), now)) << "another name";
  EXPECT_FALSE(e.on_answer(0, changed(30, 28), now)) << "another type";
  EXPECT_FALSE(e.on_answer(0, changed(32, 3), now)) << "another class";
  EXPECT_FALSE(e.on_answer(1, right, now)) << "a try that was never made";
  EXPECT_FALSE(e.given_up(now));
  EXPECT_TRUE(e.on_answer(0, right, now)) << "and the true one still counts";
}

TEST_F(ExchangeTest, LettersOfTheNameMayComeBackInEitherCase) {
  auto e = make(1);
  next(e);
  Message lower = answer_to(last->message);
  for (std::size_t i = 12; i < 12 + 17; ++i)
    lower[i] = static_cast<std::uint8_t>(std::tolower(lower[i]));
  ASSERT_NE(lower, answer_to(last->message));
  const auto got = e.on_answer(0, lower, now);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, with_id(lower, 0x1234)) << "as it came: the pod compares for itself";
}

TEST_F(ExchangeTest, AnAnswerOfOneTryDoesNotFitAnother) {
  auto e = make(2);
  next(e);
  const Message first = last->message;
  now += 1s;
  ASSERT_EQ(next(e), 2);
  EXPECT_FALSE(e.on_answer(1, answer_to(first), now));
  EXPECT_TRUE(e.on_answer(0, answer_to(first), now)) << "the first one may still answer";
}

TEST_F(ExchangeTest, SilenceMovesOnAndAroundUntilTheTimeIsUp) {
  auto e = make(2);
  std::vector<int> asked;
  for (; !e.given_up(now); now = e.deadline()) {
    while (const int server = next(e)) asked.push_back(server);
    ASSERT_GT(e.deadline(), now);
  }
  EXPECT_EQ(asked, (std::vector<int>{1, 2, 1, 2, 1}));
  EXPECT_EQ(now - TimePoint{}, 4500ms);
  EXPECT_EQ(next(e), 0);
  const Message answer = e.failure();
  const auto packet = test::parse(answer);
  EXPECT_EQ(ldns_pkt_get_rcode(packet.get()), LDNS_RCODE_SERVFAIL);
  EXPECT_EQ(ldns_pkt_id(packet.get()), 0x1234);
  EXPECT_TRUE(ldns_pkt_ra(packet.get()));
}

TEST_F(ExchangeTest, OneSilentServerIsAskedAgain) {
  auto e = make(1);
  EXPECT_EQ(next(e), 1);
  now += 1s;
  EXPECT_EQ(next(e), 1);
}

TEST_F(ExchangeTest, AServersFailureMovesOnAtOnce) {
  for (const unsigned rcode : {LDNS_RCODE_SERVFAIL, LDNS_RCODE_REFUSED, LDNS_RCODE_NOTIMPL}) {
    auto e = make(2);
    next(e);
    EXPECT_FALSE(e.on_answer(0, answer_to(last->message, rcode, false, 0), now));
    EXPECT_FALSE(e.given_up(now));
    EXPECT_EQ(next(e), 2) << rcode;
    const Message good = answer_to(last->message);
    EXPECT_TRUE(e.on_answer(1, good, now));
  }
}

TEST_F(ExchangeTest, TheLastFailureIsPassedOn) {
  auto e = make(2);
  next(e);
  EXPECT_FALSE(e.on_answer(0, answer_to(last->message, LDNS_RCODE_SERVFAIL, false, 0), now));
  next(e);
  const Message refused = answer_to(last->message, LDNS_RCODE_REFUSED, false, 0);
  EXPECT_FALSE(e.on_answer(1, refused, now));
  EXPECT_TRUE(e.given_up(now));
  EXPECT_EQ(e.failure(), with_id(refused, 0x1234));
}

TEST_F(ExchangeTest, ARefusalWithoutQuestionCounts) {
  auto e = make(1);
  next(e);
  Message bare(last->message.begin(), last->message.begin() + 12);
  bare[2] |= 0x80;
  bare[3] = LDNS_RCODE_FORMERR;
  ldns_write_uint16(bare.data() + 4, 0);
  ldns_write_uint16(bare.data() + 10, 0);
  const auto got = e.on_answer(0, bare, now);
  ASSERT_TRUE(got) << "the pod's resolver knows what to do about it";
  EXPECT_EQ(*got, with_id(bare, 0x1234));
  bare[3] = LDNS_RCODE_NXDOMAIN;
  EXPECT_FALSE(e.on_answer(0, bare, now)) << "no name, no statement about it";
}

TEST_F(ExchangeTest, UnreachableServersAreLeftOut) {
  auto e = make(3);
  next(e);
  EXPECT_FALSE(e.on_failure(0, now));
  EXPECT_EQ(next(e), 2);
  now += 1s;
  EXPECT_EQ(next(e), 3);
  now += 1s;
  EXPECT_EQ(next(e), 2) << "not the first, which has failed";
  EXPECT_FALSE(e.on_failure(2, now));
  EXPECT_FALSE(e.given_up(now)) << "the second may still answer";
  EXPECT_EQ(next(e), 2);
  EXPECT_FALSE(e.on_failure(1, now));
  EXPECT_TRUE(e.given_up(now));
}

TEST_F(ExchangeTest, NobodyToAsk) {
  auto none = make(0);
  EXPECT_TRUE(none.given_up(now));
  EXPECT_EQ(next(none), 0);
  auto dead = make(1);
  next(dead);
  EXPECT_FALSE(dead.on_failure(0, now));
  EXPECT_TRUE(dead.given_up(now));
  EXPECT_EQ(ldns_pkt_get_rcode(test::parse(dead.failure()).get()), LDNS_RCODE_SERVFAIL);
}

TEST_F(ExchangeTest, ATruncatedAnswerIsPassedOnToWhoCouldNotTakeMore) {
  for (const std::uint16_t payload : std::array<std::uint16_t, 3>{0, 512, 1232}) {
    auto e = make(1, {.name = "a", .payload = payload});
    next(e);
    const Message cut = answer_to(last->message, 0, true);
    const auto got = e.on_answer(0, cut, now);
    ASSERT_TRUE(got) << payload;
    EXPECT_EQ(*got, with_id(cut, 0x1234));
  }
}

TEST_F(ExchangeTest, ATruncatedAnswerIsFetchedOverTcpForWhoCan) {
  auto e = make(2, {.name = "a", .payload = 4096});
  next(e);
  const Message cut = answer_to(last->message, 0, true);
  EXPECT_FALSE(e.on_answer(0, cut, now));
  EXPECT_FALSE(e.on_answer(0, cut, now)) << "twice the same";
  ASSERT_EQ(next(e), 1) << "the same server";
  EXPECT_EQ(last->transport, Transport::tcp);
  const Message whole = answer_to(last->message, 0, false, 100);
  const std::size_t attempt = last->attempt;
  EXPECT_EQ(next(e), 0);
  const auto got = e.on_answer(attempt, whole, now);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, with_id(whole, 0x1234));
}

TEST_F(ExchangeTest, WhatTcpCannotCompleteStaysTruncated) {
  for (int way = 0; way < 3; ++way) {
    auto e = make(1, {.name = "a", .payload = 4096});
    next(e);
    const Message cut = with_id(answer_to(last->message, 0, true), 0x1234);
    EXPECT_FALSE(e.on_answer(0, with_id(cut, ldns_read_uint16(last->message.data())), now));
    ASSERT_EQ(next(e), 1);
    ASSERT_EQ(last->transport, Transport::tcp);
    std::optional<Message> got;
    if (way == 0) got = e.on_failure(last->attempt, now);
    if (way == 1) got = e.on_answer(last->attempt, answer_to(last->message, 0, false, 300), now);
    if (way == 2)
      got = e.on_answer(last->attempt, answer_to(last->message, LDNS_RCODE_SERVFAIL), now);
    ASSERT_TRUE(got) << way;
    EXPECT_EQ(*got, cut) << way;
  }
  auto e = make(1, {.name = "a", .payload = 4096});
  next(e);
  EXPECT_FALSE(e.on_answer(0, answer_to(last->message, 0, true), now));
  now += 5s;
  EXPECT_TRUE(e.given_up(now));
  EXPECT_TRUE(ldns_pkt_tc(test::parse(e.failure()).get()));
}

TEST_F(ExchangeTest, WhatCameOverTcpIsAskedOverTcp) {
  auto e = make(2, {.name = "a"}, Transport::tcp);
  next(e);
  EXPECT_EQ(last->transport, Transport::tcp);
  EXPECT_FALSE(e.on_failure(0, now));
  ASSERT_EQ(next(e), 2);
  EXPECT_EQ(last->transport, Transport::tcp);
  const Message long_one = answer_to(last->message, 0, false, 2000);
  EXPECT_TRUE(e.on_answer(1, long_one, now));
}

TEST_F(ExchangeTest, TriesAreBounded) {
  auto e = make(16);
  std::size_t asked = 0;
  for (; !e.given_up(now) && asked < 1000; now = std::min(e.deadline(), now + 1s)) {
    while (next(e) != 0) {
      ++asked;
      EXPECT_FALSE(e.on_failure(last->attempt, now));
    }
    if (e.given_up(now)) break;
  }
  EXPECT_EQ(asked, 16u);
}

}  // namespace
}  // namespace culvert::dns
