#include "culvert/state/endpoints.hpp"

#include "state/mesh.hpp"

#include <map>

namespace culvert::state {
namespace {

using test::pod;

WorkloadPtr weighted(int number, std::uint32_t capacity, bool healthy = true) {
  Workload w = pod("ns", "p" + std::to_string(number), {});
  w.capacity = capacity;
  w.status = healthy ? HealthStatus::healthy : HealthStatus::unhealthy;
  return std::make_shared<const Workload>(std::move(w));
}

// Counts how many tickets fall on each endpoint: exactly its weight, whatever the order.
void expect_tickets(const EndpointSet& set, const std::map<Name, std::uint32_t>& weights) {
  std::map<Name, std::uint32_t> seen;
  for (std::uint64_t ticket = 0; ticket < set.total_weight(); ++ticket)
    ++seen[set.at_weight(ticket).workload->uid];
  std::map<Name, std::uint32_t> expected;
  for (const auto& [uid, weight] : weights) {
    if (weight != 0) expected.emplace(uid, weight);
  }
  EXPECT_EQ(seen, expected);
}

TEST(EndpointSet, TicketsFollowWeightsThroughAnySequenceOfChanges) {
  EndpointSet set;
  std::map<Name, std::uint32_t> model;
  Random random(7);
  for (int step = 0; step < 400; ++step) {
    const int number = static_cast<int>(random.below(70));
    const auto weight = static_cast<std::uint32_t>(random.below(4));
    const WorkloadPtr workload = weighted(number, weight);
    if (random.below(3) == 0) {
      set.remove(workload->uid);
      model.erase(workload->uid);
    } else {
      set.put(workload, nullptr);
      model[workload->uid] = weight;
    }
    ASSERT_EQ(set.size(), model.size());
    if (step % 20 == 0) expect_tickets(set, model);
  }
  expect_tickets(set, model);
}

TEST(EndpointSet, KeepsUnhealthyOnesWithoutWeight) {
  EndpointSet set;
  set.put(weighted(1, 5), nullptr);
  set.put(weighted(2, 3, false), nullptr);
  EXPECT_EQ(set.size(), 2u);
  EXPECT_EQ(set.total_weight(), 5u);
  set.allow_unhealthy(true);
  EXPECT_EQ(set.total_weight(), 8u);
  set.allow_unhealthy(false);
  EXPECT_EQ(set.total_weight(), 5u);
  set.put(weighted(2, 3, true), nullptr);
  EXPECT_EQ(set.total_weight(), 8u);
}

TEST(EndpointSet, FindsByUidWhetherSmallOrLarge) {
  EndpointSet set;
  for (int i = 0; i < 100; ++i) {
    set.put(weighted(i, 1), nullptr);
    for (int j = 0; j <= i; ++j) ASSERT_NE(set.find(weighted(j, 1)->uid), nullptr);
    ASSERT_EQ(set.find(weighted(i + 1, 1)->uid), nullptr);
  }
  for (int i = 0; i < 100; ++i) set.remove(weighted(i, 1)->uid);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.total_weight(), 0u);
}

TEST(EndpointSet, SumsLargeWeights) {
  EndpointSet set;
  set.put(weighted(1, 0xffffffff), nullptr);
  set.put(weighted(2, 0xffffffff), nullptr);
  EXPECT_EQ(set.total_weight(), 2u * std::uint64_t{0xffffffff});
  EXPECT_EQ(set.at_weight(0xfffffffe).workload->name, "p1");
  EXPECT_EQ(set.at_weight(0xffffffff).workload->name, "p2");
}

}  // namespace
}  // namespace culvert::state
