// What the store finds after workloads, services and policies have come, changed and gone.
#include "culvert/state/store.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

namespace culvert::state {
namespace {

using test::in;
using test::ip;
using test::key;
using test::Mesh;
using test::pod;
using test::service;
using testing::ElementsAre;
using testing::IsEmpty;

std::uint64_t weight_of(const Mesh& mesh, std::string_view service_key) {
  const View view = mesh.store.view();
  const EndpointSet* endpoints = view.endpoints(key(service_key));
  return endpoints == nullptr ? 0 : endpoints->total_weight();
}

TEST(Store, WorkloadMayArriveBeforeItsService) {
  Mesh mesh;
  mesh.add(in(pod("shop", "cart", {"10.0.0.1"}), "shop/cart.local"));
  EXPECT_EQ(mesh.store.view().find_service(key("shop/cart.local")), nullptr);
  const auto staged = mesh.store.view().services();
  ASSERT_EQ(staged.size(), 1u);
  EXPECT_EQ(staged[0].service, nullptr);
  EXPECT_EQ(staged[0].endpoints.size(), 1u);

  mesh.add(service("shop", "cart.local", {"10.96.0.1"}));
  EXPECT_EQ(weight_of(mesh, "shop/cart.local"), 1u);
  EXPECT_EQ(mesh.store.view().service_count(), 1u);
}

TEST(Store, ServiceUpdateAndReturnKeepEndpoints) {
  Mesh mesh;
  mesh.add(service("shop", "cart.local", {"10.96.0.1"}));
  mesh.add(in(pod("shop", "cart", {"10.0.0.1"}), "shop/cart.local"));
  auto changed = service("shop", "cart.local", {"10.96.0.2"});
  mesh.add(changed);
  EXPECT_EQ(weight_of(mesh, "shop/cart.local"), 1u);
  const auto by_vip = [&](std::string_view address) {
    return mesh.store.view().find_service_by_vip({}, ip(address), {});
  };
  EXPECT_EQ(by_vip("10.96.0.1"), nullptr);
  EXPECT_NE(by_vip("10.96.0.2"), nullptr);
  mesh.remove("shop/cart.local");
  EXPECT_EQ(by_vip("10.96.0.2"), nullptr);
  EXPECT_EQ(mesh.store.view().service_count(), 0u);
  mesh.add(changed);
  EXPECT_EQ(weight_of(mesh, "shop/cart.local"), 1u);
}

TEST(Store, ReplacingAWorkloadMovesAllItsEntries) {
  Mesh mesh;
  mesh.add(in(pod("shop", "cart", {"10.0.0.1", "2001:2::1"}), "shop/a"));
  mesh.add(in(pod("shop", "cart", {"10.0.0.2"}), "shop/b"));
  const View view = mesh.store.view();
  EXPECT_EQ(view.workload_count(), 1u);
  EXPECT_EQ(view.find_by_address({}, ip("10.0.0.1")), nullptr);
  EXPECT_EQ(view.find_by_address({}, ip("2001:2::1")), nullptr);
  EXPECT_NE(view.find_by_address({}, ip("10.0.0.2")), nullptr);
  EXPECT_EQ(view.endpoints(key("shop/a")), nullptr);
  EXPECT_EQ(view.endpoints(key("shop/b"))->size(), 1u);
}

TEST(Store, RemovingAWorkloadLeavesNothing) {
  Mesh mesh;
  Workload w = in(pod("shop", "cart", {"10.0.0.1"}), "shop/a");
  w.hostname = Name("cart.example");
  mesh.add(w);
  EXPECT_NE(mesh.store.view().find_by_hostname(key("shop/cart.example")), nullptr);
  mesh.remove(w.uid.str());
  const View view = mesh.store.view();
  EXPECT_EQ(view.workload_count(), 0u);
  EXPECT_EQ(view.find_workload(w.uid), nullptr);
  EXPECT_EQ(view.find_by_address({}, ip("10.0.0.1")), nullptr);
  EXPECT_EQ(view.find_by_hostname(key("shop/cart.example")), nullptr);
  EXPECT_EQ(view.local_workload(Name("shop"), Name("cart"), Name("cart")), nullptr);
  EXPECT_TRUE(view.services().empty());
}

TEST(Store, InsertionBeatsRemovalInOneBatch) {
  Mesh mesh;
  Update update;
  update.workloads.push_back(pod("shop", "cart", {"10.0.0.1"}));
  update.services.push_back(service("shop", "cart.local", {}));
  update.removed_addresses = {"c1//Pod/shop/cart", "shop/cart.local", "unknown"};
  update.removed_policies = {"unknown"};
  mesh.store.apply(std::move(update));
  EXPECT_EQ(mesh.store.view().workload_count(), 1u);
  EXPECT_EQ(mesh.store.view().service_count(), 1u);
}

TEST(Store, HealthPolicyChangeRestoresUnhealthyEndpoints) {
  Mesh mesh;
  Workload sick = in(pod("shop", "cart", {"10.0.0.1"}), "shop/cart.local");
  sick.status = HealthStatus::unhealthy;
  mesh.add(service("shop", "cart.local", {}));
  mesh.add(sick);
  EXPECT_EQ(weight_of(mesh, "shop/cart.local"), 0u);
  Service all = service("shop", "cart.local", {});
  all.load_balancing =
      LoadBalancing{{}, LoadBalancing::Mode::standard, LoadBalancing::HealthPolicy::allow_all};
  mesh.add(all);
  EXPECT_EQ(weight_of(mesh, "shop/cart.local"), 1u);
}

TEST(Store, HostNetworkWorkloadsHaveNoAddress) {
  Mesh mesh;
  Workload w = pod("kube", "agent", {"10.0.0.9"});
  w.network_mode = NetworkMode::host_network;
  mesh.add(w);
  EXPECT_EQ(mesh.store.view().find_by_address({}, ip("10.0.0.9")), nullptr);
  EXPECT_NE(mesh.store.view().find_workload(w.uid), nullptr);
}

TEST(Store, NetworksSeparateEqualAddresses) {
  Mesh mesh;
  Workload w = pod("shop", "cart", {"10.0.0.1"});
  w.network = Name("net2");
  mesh.add(w);
  EXPECT_EQ(mesh.store.view().find_by_address({}, ip("10.0.0.1")), nullptr);
  EXPECT_NE(mesh.store.view().find_by_address(Name("net2"), ip("10.0.0.1")), nullptr);
}

TEST(Store, BestClaimToAnAddressWins) {
  const auto claim = [](std::string_view uid, Protocol protocol) {
    Workload w = pod("shop", "x", {"10.0.0.1"});
    w.uid = Name(uid);
    w.protocol = protocol;
    return w;
  };
  const std::vector<Workload> rising = {
      claim("c/entry/1", Protocol::tcp), claim("c/entry/2", Protocol::hbone),
      claim("c//Pod/shop/3", Protocol::tcp), claim("c//Pod/shop/4", Protocol::hbone),
      claim("c//Pod/shop/5", Protocol::hbone)};
  Mesh up;
  for (const Workload& w : rising) {
    up.add(w);
    EXPECT_EQ(up.store.view().find_by_address({}, ip("10.0.0.1"))->uid, w.uid);
  }
  Mesh down;
  for (auto w = rising.rbegin() + 1; w != rising.rend(); ++w) down.add(*w);
  EXPECT_EQ(down.store.view().find_by_address({}, ip("10.0.0.1"))->uid, rising[3].uid);
  down.remove(rising[3].uid.str());
  EXPECT_EQ(down.store.view().find_by_address({}, ip("10.0.0.1"))->uid, rising[2].uid);
}

TEST(Store, LocalWorkloadNeedsAllThreeAndTheNode) {
  Mesh mesh;
  mesh.add(pod("shop", "cart", {"10.0.0.1"}));
  Workload other = pod("shop", "front", {"10.0.0.2"});
  other.node = Name("node-b");
  mesh.add(other);
  const View view = mesh.store.view();
  EXPECT_NE(view.local_workload(Name("shop"), Name("cart"), Name("cart")), nullptr);
  EXPECT_EQ(view.local_workload(Name("shop"), Name("cart"), Name("other")), nullptr);
  EXPECT_EQ(view.local_workload(Name("shop"), Name("other"), Name("cart")), nullptr);
  EXPECT_EQ(view.local_workload(Name("shop"), Name("front"), Name("front")), nullptr);

  Store anywhere(LocalNode{});
  Update update;
  update.workloads.push_back(other);
  anywhere.apply(std::move(update));
  EXPECT_NE(anywhere.view().local_workload(Name("shop"), Name("front"), Name("front")), nullptr);
  EXPECT_THAT(anywhere.local_identities(), IsEmpty());
}

TEST(Store, PoliciesAreFiledByScope) {
  Mesh mesh;
  Policy p;
  p.resource_name = Name("shop/p");
  p.namespace_ = Name("shop");
  p.scope = Policy::Scope::namespace_;
  mesh.add(p);
  EXPECT_EQ(mesh.store.view().policies_of(Name("shop")).size(), 1u);
  p.scope = Policy::Scope::global;
  mesh.add(p);
  EXPECT_EQ(mesh.store.view().policies_of(Name("shop")).size(), 0u);
  EXPECT_EQ(mesh.store.view().policies_of({}).size(), 1u);
  p.scope = Policy::Scope::workload_selector;
  mesh.add(p);
  EXPECT_EQ(mesh.store.view().policies_of({}).size(), 0u);
  EXPECT_NE(mesh.store.view().find_policy(Name("shop/p")), nullptr);
  Update update;
  update.removed_policies = {"shop/p"};
  mesh.store.apply(std::move(update));
  EXPECT_EQ(mesh.store.view().policy_count(), 0u);
}

TEST(Store, SubjectAltNamesThatAreIdentitiesAreParsed) {
  Mesh mesh;
  Service s = service("shop", "a", {});
  s.subject_alt_names = {"spiffe://td/ns/shop/sa/x", "a.example.com"};
  mesh.add(s);
  const auto held = mesh.store.view().find_service(key("shop/a"));
  EXPECT_THAT(held->accepted, ElementsAre(Identity{Name("td"), Name("shop"), Name("x")}));
  EXPECT_EQ(held->subject_alt_names.size(), 2u);
}

}  // namespace
}  // namespace culvert::state
