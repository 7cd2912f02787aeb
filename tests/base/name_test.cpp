#include "culvert/base/name.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace culvert {
namespace {

TEST(Name, EqualTextIsOneString) {
  const Name a("shop");
  const Name b(std::string("sh") + "op");
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.view().data(), b.view().data());
  EXPECT_NE(a, Name("shops"));
  EXPECT_EQ(a.hash(), b.hash());
}

TEST(Name, TheEmptyNameHoldsNothing) {
  const Name empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty, Name(""));
  EXPECT_EQ(empty.view(), "");
  EXPECT_FALSE(Name("x").empty());
}

TEST(Name, CopiesMovesAndAssigns) {
  Name a("one");
  Name b(a);
  Name c(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): a moved-from name is empty
  EXPECT_EQ(b, c);
  b = Name("two");
  EXPECT_EQ(b, "two");
  EXPECT_EQ(c, "one");
  auto& alias = c;
  c = alias;
  EXPECT_EQ(c, "one");
}

TEST(Name, FindingKeepsNothing) {
  EXPECT_TRUE(Name::find("nobody-holds-this").empty());
  EXPECT_TRUE(Name::find("").empty());
  {
    const Name held("held");
    EXPECT_EQ(Name::find("held"), held);
  }
  EXPECT_TRUE(Name::find("held").empty()) << "finding it has kept it";
}

TEST(Name, OrdersByText) {
  EXPECT_LT(Name("a"), Name("b"));
  EXPECT_FALSE(Name("b") < Name("a"));
  EXPECT_LT(Name(), Name("a"));
}

// Threads intern, copy and drop the same few texts all the time: the last drop of one thread meets
// the lookup of another. Meaningful under the thread and address sanitizers.
TEST(Name, ThreadsShareStrings) {
  const std::array<std::string, 4> texts = {"red", "green", "blue", "a longer name of a node"};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&texts, t] {
      for (std::size_t i = 0; i < 20000; ++i) {
        const auto& text = texts[(i + t) % texts.size()];
        const Name name(text);
        const Name copy = name;
        if (copy.view() != text) std::abort();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Name("red").view(), "red");
}

}  // namespace
}  // namespace culvert
