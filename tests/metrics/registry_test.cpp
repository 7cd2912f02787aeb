#include "culvert/metrics/registry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace culvert::metrics {
namespace {

std::vector<std::string> names(const Registry& registry) {
  std::vector<std::string> all;
  registry.for_each(
      [&](const FamilySpec& spec, std::span<const Sample>) { all.push_back(spec.name); });
  return all;
}

TEST(Registry, FamiliesAreVisitedInOrderAndOnlyWithSamples) {
  Registry registry;
  auto& counter = registry.counter({"b", "B."});
  registry.gauge({"a", "A.", FamilyType::gauge, {"x"}});
  registry.collected({"c", "C."}, [] { return std::vector<Sample>{{{}, 1.5}}; });
  EXPECT_EQ(names(registry), (std::vector<std::string>{"c"}));
  counter.with({}).add(0);
  EXPECT_EQ(names(registry), (std::vector<std::string>{"b", "c"}));
}

TEST(Family, SamplesAreFoundByTheirLabelValues) {
  Registry registry;
  auto& family = registry.counter({"m", "M.", FamilyType::counter, {"x", "y"}});
  auto& one = family.with({"1", "2"});
  one.add();
  family.with({"1", "2"}).add(2);
  family.with({"12", ""}).add(7);
  EXPECT_EQ(&one, &family.with({"1", "2"}));
  const auto samples = family.samples();
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].label_values, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(samples[0].value, 3);
  EXPECT_EQ(samples[1].value, 7);
}

TEST(Gauge, GoesUpAndDown) {
  Gauge gauge;
  gauge.add(3);
  gauge.sub();
  EXPECT_EQ(gauge.value(), 2);
  gauge.set(-4);
  EXPECT_EQ(gauge.value(), -4);
}

TEST(RegistryDeathTest, OneNameIsOneFamily) {
  Registry registry;
  registry.counter({"m", "M."});
  EXPECT_DEATH(registry.gauge({"m", "M."}), "registered twice");
}

}  // namespace
}  // namespace culvert::metrics
