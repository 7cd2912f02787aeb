// What the store tells those who listen: which part has changed, which identities have come and
// gone.
#include "culvert/state/store.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

namespace culvert::state {
namespace {

using test::Mesh;
using test::pod;
using test::service;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Store, TellsListenersWhatChanged) {
  Mesh mesh;
  std::vector<Changes> seen;
  mesh.store.add_listener([&](const Changes& c) { seen.push_back(c); });
  const Identity cart{Name("td"), Name("shop"), Name("cart")};

  Workload first = pod("shop", "cart", {"10.0.0.1"});
  mesh.add(first);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].workloads && seen[0].local_workloads);
  EXPECT_FALSE(seen[0].services || seen[0].policies);
  EXPECT_THAT(seen[0].identities_added, ElementsAre(cart));

  mesh.add(first);
  EXPECT_EQ(seen.size(), 1u) << "an equal record is no change";

  Workload second = pod("shop", "cart2", {"10.0.0.2"});
  second.service_account = Name("cart");
  mesh.add(second);
  EXPECT_THAT(seen.back().identities_added, IsEmpty());
  mesh.remove(first.uid.str());
  EXPECT_THAT(seen.back().identities_removed, IsEmpty());
  second.authorization_policies.push_back(Name("shop/p"));
  mesh.add(second);
  EXPECT_TRUE(seen.back().local_workloads);
  EXPECT_THAT(seen.back().identities_removed, IsEmpty());
  second.protocol = Protocol::tcp;
  mesh.add(second);
  EXPECT_THAT(seen.back().identities_removed, IsEmpty()) << "it may still be used";
  EXPECT_THAT(mesh.store.local_identities(), IsEmpty());
  second.native_tunnel = true;
  mesh.add(second);
  EXPECT_THAT(seen.back().identities_added, ElementsAre(cart));
  EXPECT_THAT(mesh.store.local_identities(), ElementsAre(cart));
  mesh.remove(second.uid.str());
  EXPECT_THAT(seen.back().identities_removed, ElementsAre(cart));

  Workload remote = pod("shop", "far", {"10.0.0.3"});
  remote.node = Name("node-b");
  mesh.add(remote);
  EXPECT_TRUE(seen.back().workloads);
  EXPECT_FALSE(seen.back().local_workloads);
  EXPECT_THAT(seen.back().identities_added, IsEmpty());

  Policy policy;
  policy.resource_name = Name("shop/p");
  mesh.add(policy);
  EXPECT_TRUE(seen.back().policies);
  EXPECT_FALSE(seen.back().workloads);
}

// A certificate that was fetched on demand has to be dropped as well.
TEST(Store, TellsOfTheLastUserOfAnIdentityWhateverItSpeaks) {
  for (const auto& local : {LocalNode{Name("node-a"), {}, {}}, LocalNode{}}) {
    Store store(local);
    std::vector<Changes> seen;
    store.add_listener([&](const Changes& c) { seen.push_back(c); });
    Workload plain = pod("shop", "cart", {"10.0.0.1"});
    plain.protocol = Protocol::tcp;
    Workload far = pod("shop", "far", {"10.0.0.2"});
    far.node = Name("node-b");
    Update both;
    both.workloads = {plain, far};
    store.apply(both);
    EXPECT_THAT(seen.back().identities_added, IsEmpty());
    Update gone;
    gone.removed_addresses = {plain.uid.str(), far.uid.str()};
    store.apply(gone);
    const auto& removed = seen.back().identities_removed;
    EXPECT_THAT(removed, Contains(plain.identity()));
    EXPECT_EQ(removed.size(), local.node.empty() ? 2U : 1U) << "that of the other node is not ours";
  }
}

TEST(Store, TellsOnceWhichSubjectNamesOfAServiceAreUnusable) {
  Mesh mesh;
  std::vector<Changes> seen;
  mesh.store.add_listener([&](const Changes& c) { seen.push_back(c); });
  Service s = service("shop", "cart.local", {});
  s.subject_alt_names = {"cart.example", "spiffe://td/ns/shop/sa/cart", "spiffe://td/x"};
  mesh.add(s);
  ASSERT_EQ(seen.back().unusable_names.size(), 1U);
  EXPECT_EQ(seen.back().unusable_names[0].service.to_string(), "shop/cart.local");
  EXPECT_THAT(seen.back().unusable_names[0].names, ElementsAre("cart.example", "spiffe://td/x"));
  const auto held = mesh.store.view().find_service(s.key());
  EXPECT_EQ(held->accepted.size(), 1U);
  mesh.add(s);
  EXPECT_EQ(seen.size(), 1U) << "an equal record is no change";
  s.subject_alt_names = {"spiffe://td/ns/shop/sa/cart"};
  mesh.add(s);
  EXPECT_THAT(seen.back().unusable_names, IsEmpty());
}

TEST(Store, GenerationGrowsWithEveryChangeOnly) {
  Mesh mesh;
  const auto before = mesh.store.generation();
  mesh.store.apply({});
  mesh.remove("nothing");
  EXPECT_EQ(mesh.store.generation(), before);
  mesh.add(service("shop", "a", {}));
  EXPECT_GT(mesh.store.generation(), before);
}

}  // namespace
}  // namespace culvert::state
