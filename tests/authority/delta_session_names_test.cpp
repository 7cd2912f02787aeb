// A session of a client that asks for resources by name or alias: on demand, beside a wildcard, and
// for very many.
#include "authority/delta_builders.hpp"
#include "authority/delta_session.hpp"

#include <gmock/gmock.h>

#include <chrono>

namespace culvert::authority::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Answer = DeltaSession::Answer;

// The reference's first request in on-demand mode.
DeltaRequest nothing_yet() {
  auto first = subscribe({"*"});
  first.unsubscribe = {"*"};
  return first;
}

TEST(DeltaSession, SendsNamedResourcesOnDemandOnly) {
  DeltaSession session;
  const auto set = set_of({{"a", "1", {"net/10.0.0.1"}}, {"b", "1"}, {"c", "1"}});
  session.on_request(nothing_yet());
  EXPECT_FALSE(session.next(set));
  session.on_request(subscribe({"b"}));
  auto response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("b"));
  // By alias; the answer carries the primary name. Something that is nowhere is "removed".
  session.on_request(subscribe({"net/10.0.0.1", "net/10.0.0.9"}));
  response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a"));
  EXPECT_THAT(response->removed, ElementsAre("net/10.0.0.9"));
  EXPECT_FALSE(session.next(set));
}

TEST(DeltaSession, KeepsNamedResourcesUpToDate) {
  DeltaSession session;
  session.on_request(nothing_yet());
  session.on_request(subscribe({"net/10.0.0.1", "later"}));
  session.next(set_of({{"a", "1", {"net/10.0.0.1"}}, {"z", "1"}}));
  // The alias moved to another resource; the client still holds the first; `later` has come.
  auto response =
      session.next(set_of({{"a", "2"}, {"b", "1", {"net/10.0.0.1"}}, {"later", "1"}, {"z", "2"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a", "b", "later"));
  response = session.next(set_of({{"b", "1", {"net/10.0.0.1"}}, {"later", "1"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), IsEmpty());
  EXPECT_THAT(response->removed, ElementsAre("a"));
}

TEST(DeltaSession, ReconnectOnDemand) {
  DeltaSession session;
  auto first = nothing_yet();
  first.initial_versions = {
      {"a", version_of("1")}, {"b", "old"}, {"gone", "x"}, {"net/10.0.0.3", ""}, {"never", ""}};
  session.on_request(first);
  const auto response = session.next(
      set_of({{"a", "1"}, {"b", "2"}, {"c", "1", {"net/10.0.0.3"}}, {"unasked", "1"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("b", "c"));
  EXPECT_THAT(response->removed, ElementsAre("gone", "never"));
}

TEST(DeltaSession, SendsAgainWhatIsAskedForAgain) {
  DeltaSession session;
  const auto set = set_of({{"a", "1"}});
  session.on_request(subscribe({"a"}));
  ASSERT_TRUE(session.next(set));
  session.on_request(subscribe({"a"}));
  const auto response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a"));
}

TEST(DeltaSession, ForgetsWhatIsUnsubscribed) {
  DeltaSession session;
  session.on_request(subscribe({"a", "b"}));
  session.next(set_of({{"a", "1"}, {"b", "1"}}));
  auto drop = request();
  drop.unsubscribe = {"a"};
  session.on_request(drop);
  const auto response = session.next(set_of({{"b", "2"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("b"));
  EXPECT_THAT(response->removed, IsEmpty());
}

TEST(DeltaSession, SendsAgainWhatIsStillWantedUnderAnAlias) {
  DeltaSession session;
  const auto set = set_of({{"a", "1", {"net/10.0.0.1"}}});
  session.on_request(subscribe({"a", "net/10.0.0.1"}));
  session.next(set);
  auto drop = request();
  drop.unsubscribe = {"a"};
  session.on_request(drop);
  const auto response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a"));
}

TEST(DeltaSession, NameBesideWildcardIsAnsweredAtOnce) {
  DeltaSession session;
  const auto set = set_of({{"a", "1"}, {"b", "1"}});
  session.on_request(subscribe({"*"}));
  ASSERT_TRUE(session.next(set));
  session.on_request(subscribe({"a", "nowhere"}));
  const auto response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a"));
  EXPECT_THAT(response->removed, ElementsAre("nowhere"));
}

TEST(DeltaSession, SaysOnceThatANameIsGone) {
  DeltaSession session;
  session.on_request(subscribe({"*", "a"}));
  session.next(set_of({{"a", "1"}, {"b", "1"}}));
  session.on_request(subscribe({"a"}));
  const auto response = session.next(set_of({{"b", "1"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(response->removed, ElementsAre("a"));
}

std::vector<std::string> many_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("net/" + std::to_string(i));
  return names;
}

// One request with many unknown names: searching the answer for each of them would take minutes, in
// which no other node hears anything.
TEST(DeltaSession, AnswersManyAbsentNamesAtOnce) {
  constexpr std::size_t kNames = 200'000;
  const auto begin = std::chrono::steady_clock::now();
  DeltaSession session;
  const auto set = set_of({{"a", "1"}});
  session.on_request(subscribe(many_names(kNames)));
  const auto response = session.next(set);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->removed.size(), kNames);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

// A client with many names that asks for one more pays for that one only.
TEST(DeltaSession, AnotherNameCostsNoMoreThanItself) {
  DeltaSession session;
  const auto set = set_of({{"a", "1"}});
  session.on_request(subscribe(many_names(100'000)));
  session.next(set);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) {
    session.on_request(subscribe({"more/" + std::to_string(i)}));
    const auto response = session.next(set);
    ASSERT_TRUE(response);
    ASSERT_EQ(response->removed.size(), 1U);
    session.on_request(answer(response->nonce));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(DeltaSession, BoundsTheNamesOfAStream) {
  DeltaSession session;
  auto first = subscribe(many_names(DeltaSession::kMaxNames - 1));
  EXPECT_EQ(session.on_request(first), Answer::none);
  EXPECT_EQ(session.on_request(subscribe({"x", "y"})), Answer::excessive);
  EXPECT_EQ(session.on_request(subscribe({"x"})), Answer::none);
  EXPECT_EQ(session.on_request(subscribe({"y"})), Answer::excessive);
  DeltaSession reconnected;
  for (auto& name : first.subscribe) first.initial_versions.emplace(std::move(name), "1");
  first.subscribe = {"x", "y"};
  EXPECT_EQ(reconnected.on_request(first), Answer::excessive);
}

}  // namespace
}  // namespace culvert::authority::test
