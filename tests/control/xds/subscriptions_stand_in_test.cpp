// What is in the place of a policy that was refused, and what is missing where nothing can be.
#include "control/xds/subscription_steps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace culvert::control::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Takes one policy of that name; the completed response.
XdsResponse take_policy(XdsSubscriptions& subscriptions, const std::string& version,
                        std::uint32_t port) {
  auto response = response_of(kAuthorizationType, "n");
  add_policy(response, "ns/p", version, port);
  return take(subscriptions, std::move(response));
}

TEST(XdsSubscriptions, AStandInFillsTheGapOfARefusedPolicy) {
  auto subscriptions = make_subscriptions();
  take(subscriptions, response_of(kAddressType, "n1"));
  const auto refused = take_policy(subscriptions, "v1", kBadPort);
  ASSERT_EQ(refused.update.policies.size(), 1U);
  EXPECT_EQ(refused.update.policies[0].resource_name, "ns/p");
  EXPECT_EQ(refused.update.policies[0].scope, state::Policy::Scope::namespace_);
  EXPECT_THAT(refused.update.policies[0].rules, IsEmpty());
  EXPECT_EQ(refused.stand_ins.size(), 1U);
  EXPECT_TRUE(subscriptions.answer(refused).has_error_detail());
  EXPECT_TRUE(subscriptions.ready()) << "nothing is missing";
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "")))
      << "to hear when it is gone";
  EXPECT_EQ(take_policy(subscriptions, "v2", kBadPort).stand_ins.size(), 1U);
  EXPECT_EQ(take_policy(subscriptions, "v3", 80).update.policies[0].rules.size(), 1U);
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "v3")));
}

TEST(XdsSubscriptions, AnEarlierVersionNeedsNoStandIn) {
  auto subscriptions = make_subscriptions();
  take_policy(subscriptions, "v1", 80);
  const auto refused = take_policy(subscriptions, "v2", kBadPort);
  EXPECT_THAT(refused.update.policies, IsEmpty());
  EXPECT_THAT(refused.stand_ins, IsEmpty());
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "v1")));
  auto both = response_of(kAuthorizationType, "n");
  add_policy(both, "ns/p", "v3", kBadPort);
  both.add_removed_resources("ns/p");
  EXPECT_EQ(take(subscriptions, std::move(both)).update.policies.size(), 1U)
      << "the earlier version goes away with this response";
}

TEST(XdsSubscriptions, AGoodVersionInTheSameResponseNeedsNoStandIn) {
  auto subscriptions = make_subscriptions();
  auto twice = response_of(kAuthorizationType, "n");
  add_policy(twice, "ns/p", "v1", 80);
  add_policy(twice, "ns/p", "v2", kBadPort);
  const auto completed = take(subscriptions, std::move(twice));
  ASSERT_EQ(completed.update.policies.size(), 1U);
  EXPECT_EQ(completed.update.policies[0].rules.size(), 1U);
}

TEST(XdsSubscriptions, AStandInGoesWithWhatItStandsFor) {
  auto subscriptions = make_subscriptions();
  take_policy(subscriptions, "v1", kBadPort);
  auto removal = response_of(kAuthorizationType, "n");
  removal.add_removed_resources("ns/p");
  EXPECT_THAT(take(subscriptions, std::move(removal)).update.removed_policies, ElementsAre("ns/p"));
  EXPECT_EQ(subscriptions.held(), 0U);
  EXPECT_EQ(take_policy(subscriptions, "v1", kBadPort).stand_ins.size(), 1U);
}

TEST(XdsSubscriptions, WhatNothingCanStandInForHoldsUpTheFirstSync) {
  auto subscriptions = make_subscriptions();
  take(subscriptions, response_of(kAddressType, "n1"));
  auto response = response_of(kAuthorizationType, "n2");
  add_policy(response, "ns/p", "v1", 80, static_cast<istio::security::Scope>(7));
  EXPECT_THAT(take(subscriptions, std::move(response)).update.policies, IsEmpty());
  EXPECT_FALSE(subscriptions.ready());
  auto another = response_of(kAuthorizationType, "n3");
  add_policy(another, "ns/q", "v1", 80);
  take(subscriptions, std::move(another));
  EXPECT_FALSE(subscriptions.ready()) << "the other one is missing as before";
  take_policy(subscriptions, "v2", 80);
  EXPECT_TRUE(subscriptions.ready());
}

TEST(XdsSubscriptions, WhatIsGoneIsNotMissing) {
  for (const bool by_removal : {true, false}) {
    auto subscriptions = make_subscriptions();
    take(subscriptions, response_of(kAddressType, "n1"));
    auto response = response_of(kAuthorizationType, "n2");
    add_policy(response, "ns/p", "v1", 80, static_cast<istio::security::Scope>(7));
    take(subscriptions, std::move(response));
    EXPECT_FALSE(subscriptions.ready());
    auto next = response_of(kAuthorizationType, "n3");
    if (by_removal)
      next.add_removed_resources("ns/p");
    else
      subscriptions.initial();  // a new stream: what is not held and exists is in its response
    take(subscriptions, std::move(next));
    EXPECT_TRUE(subscriptions.ready());
  }
}

}  // namespace
}  // namespace culvert::control::test
