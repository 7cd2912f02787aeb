#include "authority/delta_session.hpp"

#include <gmock/gmock.h>

#include <chrono>

namespace culvert::authority {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Set = std::shared_ptr<const ResourceSet>;
using Answer = DeltaSession::Answer;

struct Given {
  std::string name;
  std::string body;
  std::vector<std::string> aliases = {};
};

Set set_of(const std::vector<Given>& given) {
  std::vector<Resource> resources;
  for (const auto& one : given) resources.emplace_back(one.name, one.aliases, one.body);
  return std::make_shared<const ResourceSet>(*ResourceSet::make(std::move(resources)));
}

std::string version_of(const std::string& body) { return Resource("x", {}, body).version; }

std::vector<std::string> names(const DeltaResponse& response) {
  std::vector<std::string> out;
  for (const auto& resource : response.resources) out.push_back(resource->name);
  return out;
}

DeltaRequest request() { return {}; }
DeltaRequest subscribe(std::vector<std::string> names) {
  DeltaRequest request;
  request.subscribe = std::move(names);
  return request;
}
DeltaRequest answer(const std::string& nonce, std::optional<std::string> rejection = {}) {
  DeltaRequest request;
  request.nonce = nonce;
  request.rejection = std::move(rejection);
  return request;
}

TEST(DeltaSession, SaysNothingBeforeTheFirstRequest) {
  DeltaSession session;
  EXPECT_FALSE(session.next(set_of({{"a", "1"}})));
}

TEST(DeltaSession, AnswersAWildcardOnceAndThenOnlyWithWhatChanged) {
  DeltaSession session;
  const auto first = set_of({{"b", "1"}, {"a", "1"}, {"c", "1"}});
  EXPECT_EQ(session.on_request(request()), Answer::none);
  auto response = session.next(first);
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a", "b", "c"));
  EXPECT_THAT(response->removed, IsEmpty());
  EXPECT_EQ(session.on_request(answer(response->nonce)), Answer::accepted);
  EXPECT_FALSE(session.next(first));
  EXPECT_FALSE(session.next(set_of({{"a", "1"}, {"b", "1"}, {"c", "1"}})));  // equal content

  response = session.next(set_of({{"a", "1"}, {"b", "2"}, {"d", "1"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("b", "d"));
  EXPECT_THAT(response->removed, ElementsAre("c"));
}

TEST(DeltaSession, AnswersAWildcardEvenWithNothing) {
  DeltaSession session;
  session.on_request(request());
  const auto empty = set_of({});
  const auto response = session.next(empty);
  ASSERT_TRUE(response);
  EXPECT_THAT(response->resources, IsEmpty());
  EXPECT_FALSE(session.next(empty));
}

TEST(DeltaSession, SkipsWhatAReconnectingClientKept) {
  DeltaSession session;
  auto first = request();
  first.initial_versions = {{"same", version_of("1")}, {"old", "stale"}, {"gone", "x"}};
  session.on_request(first);
  const auto response = session.next(set_of({{"same", "1"}, {"old", "2"}, {"new", "1"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("new", "old"));
  EXPECT_THAT(response->removed, ElementsAre("gone"));
}

TEST(DeltaSession, InitialVersionsCountInTheFirstRequestOnly) {
  DeltaSession session;
  session.on_request(request());
  const auto set = set_of({{"a", "1"}});
  session.next(set);
  auto late = request();
  late.initial_versions = {{"ghost", "1"}};
  session.on_request(late);
  EXPECT_FALSE(session.next(set));
}

struct AnswerCase {
  const char* what;
  std::string nonce;
  std::optional<std::string> rejection;
  Answer expected;
  std::size_t unanswered;
};

class DeltaAnswers : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(DeltaAnswers, AreBooked) {
  DeltaSession session;
  session.on_request(request());
  ASSERT_EQ(session.next(set_of({{"a", "1"}}))->nonce, "1");
  ASSERT_EQ(session.next(set_of({{"a", "2"}}))->nonce, "2");
  ASSERT_EQ(session.unanswered(), 2U);
  EXPECT_EQ(session.on_request(answer(GetParam().nonce, GetParam().rejection)),
            GetParam().expected);
  EXPECT_EQ(session.unanswered(), GetParam().unanswered);
  EXPECT_FALSE(session.next(set_of({{"a", "2"}})));  // a refused version is not sent again
}

INSTANTIATE_TEST_SUITE_P(
    All, DeltaAnswers,
    ::testing::Values(AnswerCase{"oldest", "1", {}, Answer::accepted, 1},
                      AnswerCase{"newest settles older ones", "2", {}, Answer::accepted, 0},
                      AnswerCase{"refusal", "1", "a: bad", Answer::rejected, 1},
                      AnswerCase{"unknown nonce", "7", {}, Answer::stale, 2},
                      AnswerCase{"unknown refusal", "7", "a: bad", Answer::stale, 2},
                      AnswerCase{"no nonce", "", {}, Answer::none, 2}));

TEST(DeltaSession, SendsARefusedResourceAgainOnceItChanged) {
  DeltaSession session;
  session.on_request(request());
  const auto bad = session.next(set_of({{"a", "bad"}}));
  session.on_request(answer(bad->nonce, "a: bad"));
  const auto response = session.next(set_of({{"a", "good"}}));
  ASSERT_TRUE(response);
  EXPECT_THAT(names(*response), ElementsAre("a"));
}

TEST(DeltaSession, HoldsBackWhenTheClientNeverAnswers) {
  DeltaSession session;
  session.on_request(request());
  std::string last;
  for (std::size_t i = 0; i < DeltaSession::kMaxUnanswered; ++i)
    last = session.next(set_of({{"a", std::to_string(i)}}))->nonce;
  EXPECT_FALSE(session.next(set_of({{"a", "more"}})));
  session.on_request(answer(last));
  const auto response = session.next(set_of({{"a", "more"}}));
  ASSERT_TRUE(response);  // what was held back is not lost
  EXPECT_THAT(names(*response), ElementsAre("a"));
}

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

TEST(ResourceSet, RefusesDoubleAndEmptyNames) {
  std::vector<Resource> twice{{"a", {}, "1"}, {"a", {}, "2"}};
  EXPECT_FALSE(ResourceSet::make(std::move(twice)));
  std::vector<Resource> unnamed{{"", {}, "1"}};
  EXPECT_FALSE(ResourceSet::make(std::move(unnamed)));
}

TEST(ResourceSet, VersionDependsOnTheBodyAlone) {
  EXPECT_EQ(Resource("a", {}, "body").version, Resource("b", {"x"}, "body").version);
  EXPECT_NE(Resource("a", {}, "body").version, Resource("a", {}, "bodY").version);
  EXPECT_EQ(Resource("a", {}, "").version, "e3b0c44298fc1c");  // SHA-256 of nothing
}

}  // namespace
}  // namespace culvert::authority
