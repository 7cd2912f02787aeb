// Small pieces of the command line: workload names and tables.
#include "cli/table.hpp"
#include "cli/workload_name.hpp"

#include <gtest/gtest.h>

namespace culvert::cli {
namespace {

TEST(WorkloadName, HasThreeParts) {
  const auto good = parse_workload("shop/web-0/web");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->namespace_, "shop");
  EXPECT_EQ(good->name, "web-0");
  EXPECT_EQ(good->service_account, "web");
  for (const auto* bad : {"", "a", "a/b", "a//c", "/b/c", "a/b/", "a/b/c/d"})
    EXPECT_FALSE(parse_workload(bad)) << bad;
}

TEST(Table, AlignsColumnsAndShowsEmptyCells) {
  Table table({"A", "LONG HEADER", "C"});
  table.row({"wide cell", "", "x"});
  EXPECT_EQ(table.text(),
            "A          LONG HEADER  C\n"
            "wide cell  -            x\n");
}

}  // namespace
}  // namespace culvert::cli
