#include "app/plain_pods.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

namespace culvert::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlainPodsTest : public ::testing::Test {
 protected:
  void set(state::Protocol protocol) {
    auto record = state::test::pod("shop", "cart", {"10.0.0.1"});
    record.protocol = protocol;
    mesh_.add(record);
  }
  std::vector<std::string> told(Duration after) {
    std::vector<std::string> uids;
    for (const auto& found : pods_.look(start_ + after).plain) uids.push_back(found.uid);
    return uids;
  }

  state::test::Mesh mesh_;
  PlainPods pods_{mesh_.store};
  const proxy::PodInfo cart_{Name("shop"), Name("cart"), Name("cart")};
  const TimePoint start_{1h};
};

TEST_F(PlainPodsTest, AreToldOnceWhenTheRecordStaysPlain) {
  set(state::Protocol::tcp);
  pods_.started("u1", cart_);
  const auto first = pods_.look(start_);
  EXPECT_THAT(first.plain, IsEmpty()) << "the record may be late";
  EXPECT_EQ(first.again, start_ + PlainPods::kPatience);
  EXPECT_THAT(told(PlainPods::kPatience - 1ms), IsEmpty());
  EXPECT_THAT(told(PlainPods::kPatience), ElementsAre("u1"));
  EXPECT_THAT(told(1h), IsEmpty());
  EXPECT_FALSE(pods_.look(start_ + 1h).again);
}

TEST_F(PlainPodsTest, AreToldAgainWhenTheRecordBecomesPlainAgain) {
  set(state::Protocol::tcp);
  pods_.started("u1", cart_);
  told(0s);
  set(state::Protocol::hbone);
  EXPECT_THAT(told(PlainPods::kPatience), IsEmpty()) << "in time";
  set(state::Protocol::tcp);
  EXPECT_THAT(told(1h), IsEmpty());
  EXPECT_THAT(told(1h + PlainPods::kPatience), ElementsAre("u1"));
  set(state::Protocol::hbone);
  told(2h);
  set(state::Protocol::tcp);
  told(3h);
  EXPECT_THAT(told(4h), ElementsAre("u1"));
}

TEST_F(PlainPodsTest, OnlyThoseThatAreServedAndKnownCount) {
  pods_.started("u1", cart_);
  told(0s);
  EXPECT_THAT(told(1h), IsEmpty()) << "no record";
  set(state::Protocol::tcp);
  told(1h);
  pods_.stopped("u1");
  EXPECT_THAT(told(2h), IsEmpty());
}

}  // namespace
}  // namespace culvert::app
