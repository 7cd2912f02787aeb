#include "authority/enrolment.hpp"

#include <gmock/gmock.h>

namespace culvert::authority {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCart = "spiffe://cluster.local/ns/shop/sa/cart";    // on node-a and node-b
constexpr const char* kFront = "spiffe://cluster.local/ns/shop/sa/front";  // on node-a
constexpr const char* kAway = "spiffe://else.where/ns/shop/sa/cart";

Roster roster() {
  Roster out;
  out.add(*Identity::parse(kCart), Name("node-a"));
  out.add(*Identity::parse(kCart), Name("node-b"));
  out.add(*Identity::parse(kFront), Name("node-a"));
  out.add(*Identity::parse(kAway), Name("node-a"));
  return out;
}

struct Decision {
  const char* what;
  std::string node;  // of the caller
  std::optional<std::string> impersonated;
  std::vector<std::string> uris;
  std::string expected;  // the identity, or a part of the reason
  Errc code = Errc::invalid;
};

class DecideIdentity : public ::testing::TestWithParam<Decision> {};

TEST_P(DecideIdentity, FollowsTable) {
  const auto& c = GetParam();
  const auto decided =
      decide_identity(Caller{c.node}, c.impersonated, c.uris, "cluster.local", roster());
  if (c.expected.starts_with("spiffe://")) {
    ASSERT_TRUE(decided) << c.what << ": " << decided.error().detail;
    EXPECT_EQ(decided->uri(), c.expected) << c.what;
  } else {
    ASSERT_FALSE(decided) << c.what;
    EXPECT_EQ(decided.error().code, c.code) << c.what;
    EXPECT_THAT(decided.error().detail, HasSubstr(c.expected)) << c.what;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DecideIdentity,
    ::testing::Values(
        Decision{"shared mode", "", kCart, {kCart}, kCart},
        Decision{"request without names", "", kCart, {}, kCart},
        Decision{"dedicated mode", "", {}, {kCart}, kCart},
        Decision{"first node", "node-a", kCart, {kCart}, kCart},
        Decision{"second node", "node-b", kCart, {kCart}, kCart},
        Decision{"own identity on a node", "node-a", {}, {kFront}, kFront},
        Decision{"wrong node", "node-b", kFront, {kFront}, "no workload on node", Errc::denied},
        Decision{"wrong node, dedicated", "node-b", {}, {kFront}, "on node", Errc::denied},
        Decision{"unknown node", "node-x", kCart, {kCart}, "on node", Errc::denied},
        Decision{"nobody", "", "spiffe://cluster.local/ns/shop/sa/x", {}, "holds", Errc::denied},
        Decision{"foreign trust domain", "", kAway, {kAway}, "outside of trust", Errc::denied},
        Decision{"names differ", "", kCart, {kFront}, "ImpersonatedIdentity for", Errc::invalid},
        Decision{"second name differs", "", kCart, {kCart, kFront}, "asks for", Errc::invalid},
        Decision{"no name", "", {}, {}, "no identity", Errc::invalid},
        Decision{"two names", "", {}, {kCart, kFront}, "more than one", Errc::invalid},
        Decision{"empty impersonation", "", "", {}, "not a SPIFFE", Errc::invalid},
        Decision{"not SPIFFE", "", {}, {"https://shop/cart"}, "not a SPIFFE", Errc::invalid},
        Decision{"too few parts",
                 "",
                 "spiffe://cluster.local/ns/shop",
                 {},
                 "not a SPIFFE",
                 Errc::invalid}));

TEST(CallerBook, KnowsPlainAndNodeTokens) {
  const auto book = CallerBook::parse("# tokens\n\n  all-powers \r\nnode-a:a-secret\n", "tokens");
  ASSERT_TRUE(book) << book.error().detail;
  EXPECT_EQ(book->size(), 2U);
  EXPECT_EQ(book->authenticate("Bearer all-powers")->node, "");
  EXPECT_EQ(book->authenticate("bearer  a-secret ")->node, "node-a");
}

TEST(CallerBook, KnowsNobodyElse) {
  const auto book = *CallerBook::parse("all-powers\nnode-a:a-secret", "tokens");
  for (const char* value :
       {"", "Bearer", "Bearer ", "all-powers", "Basic all-powers", "Bearer all-power",
        "Bearer all-powersX", "Bearer node-a:a-secret", "Bearer all-powers a-secret"}) {
    const auto caller = book.authenticate(value);
    ASSERT_FALSE(caller) << value;
    EXPECT_EQ(caller.error().code, Errc::identity) << value;
  }
  EXPECT_FALSE(CallerBook().authenticate("Bearer x"));
}

TEST(CallerBook, NamesTheBadLineButNoSecret) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const Case cases[] = {{"", "tokens: holds no token"},
                        {"# only this\n\n", "tokens: holds no token"},
                        {"good\nnode-a:\n", "tokens:2: token"},
                        {"good\n:s3cret\n", "tokens:2: node"},
                        {"two s3cret\n", "tokens:1: token"},
                        {"a b:s3cret\n", "tokens:1: node"},
                        {"s3cret\nx\nnode-a:s3cret", "tokens:3: token"}};
  for (const auto& c : cases) {
    const auto book = CallerBook::parse(c.text, "tokens");
    ASSERT_FALSE(book) << c.text;
    EXPECT_THAT(book.error().detail, HasSubstr(c.expected));
    EXPECT_THAT(book.error().detail, Not(HasSubstr("s3cret")));
  }
}

}  // namespace
}  // namespace culvert::authority
