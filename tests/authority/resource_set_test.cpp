// A set of resources: their names and versions.
#include "authority/resource_set.hpp"

#include <gtest/gtest.h>

namespace culvert::authority {
namespace {

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
