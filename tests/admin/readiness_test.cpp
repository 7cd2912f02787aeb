#include "culvert/admin/readiness.hpp"

#include <gtest/gtest.h>

namespace culvert::admin {
namespace {

using Names = std::vector<std::string>;

TEST(Readiness, IsTheAbsenceOfPendingTasks) {
  Readiness readiness;
  EXPECT_TRUE(readiness.ready());
  readiness.open(Readiness::kState);
  readiness.open(Readiness::kProxy);
  EXPECT_FALSE(readiness.ready());
  EXPECT_EQ(readiness.pending(), (Names{"proxy", "state manager"}));
  readiness.complete(Readiness::kState);
  readiness.complete(Readiness::kState);
  EXPECT_EQ(readiness.pending(), (Names{"proxy"}));
  readiness.complete(Readiness::kProxy);
  EXPECT_TRUE(readiness.ready());
}

TEST(Readiness, CanBeLostAgain) {
  Readiness readiness;
  readiness.open(Readiness::kPods);
  readiness.complete(Readiness::kPods);
  readiness.open(Readiness::kPods);
  readiness.open(Readiness::kPods);
  EXPECT_EQ(readiness.pending(), (Names{"workload proxy manager"}));
  readiness.complete(Readiness::kPods);
  EXPECT_TRUE(readiness.ready());
}

}  // namespace
}  // namespace culvert::admin
