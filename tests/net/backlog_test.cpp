#include "culvert/net/backlog.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace culvert::net {
namespace {

constexpr std::size_t kKiB = 1024;

// A connection of the pod that `tag` stands for.
struct Connection final : Backlog::Holder {
  Connection(BacklogBudget& budget, const int& of) : tag(of) {
    backlog = std::make_unique<Backlog>(budget, *this);
  }
  const void* pod() const override { return &tag; }
  void on_evicted(const Error& reason) override {
    evicted = reason;
    backlog.reset();
  }
  bool keep(std::size_t size) {
    return backlog->append(std::vector<std::uint8_t>(size, 'x')).has_value();
  }
  const int& tag;
  std::optional<Error> evicted;
  std::unique_ptr<Backlog> backlog;
};

class BacklogTest : public ::testing::Test {
 protected:
  BacklogBudget budget{1024 * kKiB};
  const int greedy = 0;
  const int modest = 0;
};

TEST_F(BacklogTest, KeepsBytesInOrder) {
  Connection one(budget, modest);
  const std::vector<std::uint8_t> first{1, 2, 3};
  const std::vector<std::uint8_t> second{4, 5};
  ASSERT_TRUE(one.backlog->append(first).has_value());
  one.backlog->drop_front(2);
  ASSERT_TRUE(one.backlog->append(second).has_value());
  const auto left = one.backlog->bytes();
  EXPECT_EQ(std::vector<std::uint8_t>(left.begin(), left.end()),
            (std::vector<std::uint8_t>{3, 4, 5}));
  one.backlog->drop_front(99);
  EXPECT_TRUE(one.backlog->bytes().empty());
}

TEST_F(BacklogTest, CountsTheMemoryAndNotTheBytes) {
  Connection one(budget, modest);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(one.keep(kKiB));
  EXPECT_GE(budget.held(), 100 * kKiB);
  EXPECT_LE(budget.held(), 130 * kKiB);
  one.backlog->drop_front(40 * kKiB);
  EXPECT_GE(budget.held(), 100 * kKiB) << "what is delivered is not freed yet";
  one.backlog->drop_front(40 * kKiB);
  EXPECT_EQ(budget.held(), 20 * kKiB);
  one.backlog->drop_front(20 * kKiB);
  EXPECT_EQ(budget.held(), 0U);
  ASSERT_TRUE(one.keep(kKiB));
  one.backlog.reset();
  EXPECT_EQ(budget.held(), 0U);
}

TEST_F(BacklogTest, WhoeverAsksIsNotToBlame) {
  std::vector<std::unique_ptr<Connection>> many;
  for (int i = 0; i < 9; ++i) {
    many.push_back(std::make_unique<Connection>(budget, greedy));
    ASSERT_TRUE(many.back()->keep((i == 4 ? 100 : 80) * kKiB));
  }
  // The largest of all, but of a pod that holds less.
  Connection innocent(budget, modest);
  ASSERT_TRUE(innocent.keep(110 * kKiB));
  ASSERT_TRUE(innocent.keep(10 * kKiB));
  EXPECT_FALSE(innocent.evicted.has_value());
  for (std::size_t i = 0; i < many.size(); ++i)
    EXPECT_EQ(many[i]->evicted.has_value(), i == 4) << i;
  EXPECT_EQ(many[4]->evicted->code, Errc::limit);
  EXPECT_LE(budget.held(), 1024 * kKiB);
}

TEST_F(BacklogTest, TheLargestOfThePodGoesThoughItIsTheOneThatAsks) {
  Connection small(budget, greedy);
  Connection large(budget, greedy);
  ASSERT_TRUE(small.keep(100 * kKiB));
  ASSERT_TRUE(large.keep(500 * kKiB));
  EXPECT_FALSE(large.keep(500 * kKiB));
  EXPECT_EQ(large.backlog->bytes().size(), 500 * kKiB) << "kept though it was refused";
  EXPECT_FALSE(small.evicted.has_value());
  EXPECT_FALSE(large.evicted.has_value()) << "it is told by the result";
}

TEST_F(BacklogTest, AsManyGoAsNeeded) {
  std::vector<std::unique_ptr<Connection>> many;
  for (int i = 0; i < 80; ++i) {
    many.push_back(std::make_unique<Connection>(budget, greedy));
    ASSERT_TRUE(many.back()->keep(10 * kKiB));
  }
  Connection innocent(budget, modest);
  ASSERT_TRUE(innocent.keep(400 * kKiB));
  EXPECT_LE(budget.held(), 1024 * kKiB);
  EXPECT_FALSE(innocent.evicted.has_value());
}

TEST_F(BacklogTest, MoreThanTheWholeBudgetIsRefused) {
  Connection one(budget, modest);
  EXPECT_FALSE(one.keep(2000 * kKiB));
  EXPECT_EQ(budget.held(), 0U);
}

}  // namespace
}  // namespace culvert::net
