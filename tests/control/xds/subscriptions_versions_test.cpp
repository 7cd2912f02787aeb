// The versions that are held: which a new stream names, and what is gone where it cannot name them.
#include "control/xds/subscription_steps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace culvert::control::test {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(XdsSubscriptions, KeepsVersionsAcrossStreams) {
  auto subscriptions = make_subscriptions();
  auto first = response_of(kAddressType, "n1");
  add_workload(first, "a", "v1");
  add_workload(first, "b", "v1");
  subscriptions.answer(decode_response(first));
  auto second = response_of(kAddressType, "n2");
  add_workload(second, "a", "v2");
  second.add_removed_resources("b");
  second.add_removed_resources("never held");
  subscriptions.answer(decode_response(second));
  const auto requests = subscriptions.initial();
  EXPECT_THAT(requests[0].initial_resource_versions(), UnorderedElementsAre(Pair("a", "v2")));
  EXPECT_THAT(requests[1].initial_resource_versions(), IsEmpty());
}

// A subscription that holds `names`, on a stream that has answered.
XdsSubscriptions holding(const std::vector<std::string>& names) {
  auto subscriptions = make_subscriptions();
  auto response = response_of(kAddressType, "n1");
  for (const auto& name : names) add_workload(response, name, "v1");
  take(subscriptions, std::move(response));
  auto policies = response_of(kAuthorizationType, "n2");
  take(subscriptions, std::move(policies));
  return subscriptions;
}

TEST(XdsSubscriptions, NamesNothingWhereTheRequestWouldBeTooLarge) {
  const std::string tail(200, 'x');
  auto few = holding({"0" + tail, "1" + tail});
  EXPECT_EQ(few.initial()[0].initial_resource_versions_size(), 2);
  std::vector<std::string> names;
  for (int i = 0; i < 16'000; ++i) names.push_back(std::to_string(i) + tail);
  auto many = holding(names);
  const auto requests = many.initial();
  EXPECT_EQ(requests[0].initial_resource_versions_size(), 0);
  EXPECT_TRUE(requests[0].has_node());
  EXPECT_EQ(many.held(), names.size()) << "they are kept until the answer";
  auto everything = response_of(kAddressType, "n3");
  add_workload(everything, names[7], "v2");
  const auto completed = take(many, std::move(everything));
  EXPECT_EQ(completed.update.removed_addresses.size(), names.size() - 1);
  EXPECT_EQ(completed.update.workloads.size(), 1U);
  EXPECT_EQ(many.held(), 1U);
  EXPECT_THAT(many.initial()[0].initial_resource_versions(),
              UnorderedElementsAre(Pair(names[7], "v2")));
}

// A name long enough for its request to be a large one.
std::string long_name(const std::string& start) {
  return start + std::string(XdsSubscriptions::kLarge, 'x');
}

TEST(XdsSubscriptions, NamesNothingAfterTheServerHadTooMuch) {
  const auto a = long_name("a"), b = long_name("b"), c = long_name("c"), d = long_name("d");
  auto subscriptions = holding({a, b, c, d});
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 4);
  subscriptions.on_too_large();
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 0);
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 0) << "not answered yet";
  auto everything = response_of(kAddressType, "n3");
  add_workload(everything, a, "v1");
  add_workload(everything, b, "v2", "not an address");
  everything.add_removed_resources(c);
  const auto completed = take(subscriptions, std::move(everything));
  EXPECT_THAT(completed.update.removed_addresses, UnorderedElementsAre(c, d))
      << "what was refused is mentioned: the earlier version stays";
  auto more = response_of(kAddressType, "n4");
  add_workload(more, "e", "v1");
  EXPECT_THAT(take(subscriptions, std::move(more)).update.removed_addresses, IsEmpty())
      << "only the first response is complete";
  EXPECT_THAT(subscriptions.initial()[0].initial_resource_versions(),
              UnorderedElementsAre(Pair(a, "v1"), Pair(b, "v1"), Pair("e", "v1")));
}

TEST(XdsSubscriptions, ASmallRequestWasNotTooLarge) {
  auto subscriptions = holding({long_name("a")});
  auto policies = response_of(kAuthorizationType, "n3");
  add_policy(policies, "ns/p", "v1");
  take(subscriptions, std::move(policies));
  subscriptions.initial();
  subscriptions.on_too_large();
  const auto requests = subscriptions.initial();
  EXPECT_EQ(requests[0].initial_resource_versions_size(), 0);
  EXPECT_EQ(requests[1].initial_resource_versions_size(), 1);
}

TEST(XdsSubscriptions, AFirstOrAnOrdinaryStreamRemovesNothing) {
  auto subscriptions = make_subscriptions();
  subscriptions.initial();
  subscriptions.on_too_large();
  auto first = response_of(kAddressType, "n1");
  add_workload(first, long_name("a"), "v1");
  EXPECT_THAT(take(subscriptions, std::move(first)).update.removed_addresses, IsEmpty());
  subscriptions.initial();
  auto nothing_new = response_of(kAddressType, "n2");
  EXPECT_THAT(take(subscriptions, std::move(nothing_new)).update.removed_addresses, IsEmpty());
  subscriptions.on_too_large();
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 1)
      << "what ended an answered stream was another request";
  auto other = response_of("type.googleapis.com/other", "n3");
  EXPECT_THAT(take(subscriptions, std::move(other)).removed, IsEmpty());
}

}  // namespace
}  // namespace culvert::control::test
