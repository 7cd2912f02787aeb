// A session of a client that wants everything: what it is sent, and how its answers are booked.
#include "authority/delta_session.hpp"

#include "authority/delta_builders.hpp"

#include <gmock/gmock.h>

namespace culvert::authority::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Answer = DeltaSession::Answer;

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

}  // namespace
}  // namespace culvert::authority::test
