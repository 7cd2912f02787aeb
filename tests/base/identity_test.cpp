#include "culvert/base/identity.hpp"

#include <gtest/gtest.h>

namespace culvert {
namespace {

TEST(Identity, SplitsAndJoins) {
  const auto identity = Identity::parse("spiffe://cluster.local/ns/shop/sa/cart");
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->trust_domain, "cluster.local");
  EXPECT_EQ(identity->namespace_, "shop");
  EXPECT_EQ(identity->service_account, "cart");
  EXPECT_EQ(identity->uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(identity->principal(), "cluster.local/ns/shop/sa/cart");
}

TEST(Identity, RefusesEveryOtherShape) {
  for (const char* bad :
       {"", "spiffe://", "cluster.local/ns/shop/sa/cart", "https://cluster.local/ns/shop/sa/cart",
        "spiffe://cluster.local/ns/shop/sa", "spiffe://cluster.local/ns/shop/sa/cart/x",
        "spiffe://cluster.local/sa/cart/ns/shop", "spiffe://cluster.local/NS/shop/sa/cart",
        "SPIFFE://cluster.local/ns/shop/sa/cart", "spiffe:///cluster.local/ns/shop/sa/cart"})
    EXPECT_FALSE(Identity::parse(bad).has_value()) << bad;
}

TEST(Identity, DecodesNothing) {
  const auto identity = Identity::parse("spiffe://td/ns/a%2Fb/sa/c");
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->namespace_, "a%2Fb");
}

TEST(Identity, EqualityIsExact) {
  const auto a = *Identity::parse("spiffe://td/ns/n/sa/s");
  EXPECT_EQ(a, *Identity::parse("spiffe://td/ns/n/sa/s"));
  EXPECT_NE(a, *Identity::parse("spiffe://TD/ns/n/sa/s"));
  EXPECT_NE(a, *Identity::parse("spiffe://td/ns/n/sa/t"));
  EXPECT_EQ(std::hash<Identity>{}(a), std::hash<Identity>{}(*Identity::parse(a.uri())));
}

}  // namespace
}  // namespace culvert
