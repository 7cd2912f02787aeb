#include "state/balance.hpp"

#include "state/mesh.hpp"

#include <map>

namespace culvert::state {
namespace {

using test::in;
using test::ip;
using test::key;
using test::Mesh;
using test::pod;
using test::service;

using Mode = LoadBalancing::Mode;

// Where a workload is, in the order of Scope: region, zone, subzone, node, cluster, network.
Workload placed(std::string_view name, std::string_view region, std::string_view zone,
                std::string_view network = "") {
  Workload w = in(pod("shop", name, {"10.0.0.1"}), "shop/s");
  w.locality = {Name(region), Name(zone), Name()};
  w.network = Name(network);
  if (!network.empty()) w.network_gateway = test::gateway("10.9.9.9");
  return w;
}

// How often each endpoint is chosen in `draws` connections.
std::map<std::string, int> choose(const Mesh& mesh, const Workload& source, int draws = 400,
                                  std::uint16_t port = 80, Purpose purpose = Purpose::destination) {
  const View view = mesh.store.view();
  const ServicePtr s = view.find_service(key("shop/s"));
  Random random(1);
  std::map<std::string, int> counts;
  for (int i = 0; i < draws; ++i) {
    const Endpoint* e =
        pick_endpoint({source, *s, *view.endpoints(s->key()), port, purpose}, random);
    ++counts[e == nullptr ? "none" : e->workload->name.str()];
  }
  return counts;
}

Service balanced(Mode mode, std::vector<Scope> preference) {
  Service s = service("shop", "s", {});
  s.load_balancing = LoadBalancing{std::move(preference), mode, {}};
  return s;
}

TEST(Nearness, CountsLeadingScopesWithTheNetworkBonus) {
  const std::vector<Scope> zone{Scope::network, Scope::region, Scope::zone};
  const Workload source = placed("s", "r", "z");
  struct Case {
    Workload workload;
    std::size_t matched, rank;
  };
  const Case cases[] = {
      {placed("a", "r", "z"), 3, 5},      {placed("a", "r", "q"), 2, 4},
      {placed("a", "q", "z"), 1, 3},      {placed("a", "r", "z", "n"), 2, 2},
      {placed("a", "r", "q", "n"), 1, 1}, {placed("a", "q", "z", "n"), 0, 0},
  };
  for (const Case& c : cases) {
    const Nearness near = nearness(source, c.workload, zone);
    EXPECT_EQ(near.matched, c.matched);
    EXPECT_EQ(near.rank, c.rank);
  }
  EXPECT_EQ(nearness(source, placed("a", "q", "z"), {Scope::region, Scope::zone}).rank, 0u);
  EXPECT_EQ(nearness(source, placed("a", "r", "z"), {Scope::region, Scope::zone}).rank, 2u);
  Workload elsewhere = placed("a", "r", "z");
  elsewhere.node = Name("node-b");
  elsewhere.cluster_id = Name("c2");
  EXPECT_EQ(nearness(source, elsewhere, {Scope::subzone, Scope::node}).rank, 1u);
  EXPECT_EQ(nearness(source, elsewhere, {Scope::cluster}).rank, 0u);
}

TEST(Balance, ChoosesInProportionToCapacity) {
  Mesh mesh;
  mesh.add(service("shop", "s", {}));
  for (const auto& [name, capacity] : {std::pair{"a", 1u}, {"b", 3u}, {"c", 0u}}) {
    Workload w = placed(name, "", "");
    w.capacity = capacity;
    mesh.add(w);
  }
  auto counts = choose(mesh, placed("s", "", ""), 4000);
  EXPECT_NEAR(counts["a"], 1000, 120);
  EXPECT_NEAR(counts["b"], 3000, 120);
  EXPECT_EQ(counts["c"], 0);
}

TEST(Balance, NothingWithoutWeightOrPortOrEndpoint) {
  Mesh mesh;
  mesh.add(service("shop", "s", {}));
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["none"], 1);
  Workload w = placed("a", "", "");
  w.capacity = 0;
  mesh.add(w);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["none"], 1);
  w.capacity = 1;
  mesh.add(w);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["a"], 1);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1, 81)["none"], 1);
}

TEST(Balance, NamedPortsNeedTheEndpointsMap) {
  Mesh mesh;
  Service s = service("shop", "s", {});
  s.ports = {{80, 0}};
  mesh.add(s);
  for (int i = 0; i < 20; ++i) mesh.add(placed("no" + std::to_string(i), "", ""));
  mesh.add(in(pod("shop", "yes", {"10.0.0.2"}), "shop/s", {{80, 9090}}));
  const auto counts = choose(mesh, placed("s", "", ""), 300);
  EXPECT_EQ(counts, (std::map<std::string, int>{{"yes", 300}}));
}

TEST(Balance, FairAmongTheFewThatCanBeUsed) {
  Mesh mesh;
  Service s = service("shop", "s", {});
  s.ports = {{80, 0}};
  mesh.add(s);
  for (int i = 0; i < 30; ++i) mesh.add(placed("no" + std::to_string(i), "", ""));
  for (const auto& [name, capacity] : {std::pair{"a", 1u}, {"b", 3u}}) {
    Workload w = in(pod("shop", name, {"10.0.0.2"}), "shop/s", {{80, 9090}});
    w.capacity = capacity;
    mesh.add(w);
  }
  auto counts = choose(mesh, placed("s", "", ""), 4000);
  EXPECT_NEAR(counts["a"], 1000, 120);
  EXPECT_NEAR(counts["b"], 3000, 120);
}

TEST(Balance, StrictTakesFullMatchesOnly) {
  Mesh mesh;
  mesh.add(balanced(Mode::strict, {Scope::network, Scope::region, Scope::zone}));
  mesh.add(placed("near", "r", "q"));
  EXPECT_EQ(choose(mesh, placed("s", "r", "z"), 1)["none"], 1);
  mesh.add(placed("here", "r", "z"));
  mesh.add(placed("far", "r", "z", "n"));
  EXPECT_EQ(choose(mesh, placed("s", "r", "z")), (std::map<std::string, int>{{"here", 400}}));
}

TEST(Balance, FailoverTakesTheBestRankThere) {
  for (const Mode mode : {Mode::failover, Mode::passthrough}) {
    Mesh mesh;
    mesh.add(balanced(mode, {Scope::network, Scope::region, Scope::zone}));
    const Workload source = placed("s", "r", "z");
    const auto only = [](const char* name) { return std::map<std::string, int>{{name, 400}}; };
    mesh.add(placed("region-far", "r", "q", "n"));
    EXPECT_EQ(choose(mesh, source), only("region-far"));
    mesh.add(placed("zone-far", "r", "z", "n"));
    EXPECT_EQ(choose(mesh, source), only("zone-far"));
    mesh.add(placed("network", "q", "q"));
    EXPECT_EQ(choose(mesh, source), only("network"));
    mesh.add(placed("region", "r", "q"));
    EXPECT_EQ(choose(mesh, source), only("region"));
    mesh.add(placed("zone1", "r", "z"));
    mesh.add(placed("zone2", "r", "z"));
    auto counts = choose(mesh, source, 2000);
    EXPECT_EQ(counts.size(), 2u);
    EXPECT_NEAR(counts["zone1"], 1000, 120);
  }
}

TEST(Balance, UnhealthyOnesOnlyWhereAllowed) {
  Mesh mesh;
  mesh.add(service("shop", "s", {}));
  Workload sick = placed("sick", "", "");
  sick.status = HealthStatus::unhealthy;
  mesh.add(sick);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["none"], 1);
  Service s = balanced(Mode::standard, {});
  s.load_balancing->health_policy = LoadBalancing::HealthPolicy::allow_all;
  mesh.add(s);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["sick"], 1);
}

TEST(Balance, AddresslessOnlyAcrossNetworks) {
  Mesh mesh;
  mesh.add(service("shop", "s", {}));
  Workload stand_in = placed("remote", "", "", "n2");
  stand_in.addresses.clear();
  mesh.add(stand_in);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["remote"], 1);
  EXPECT_EQ(choose(mesh, placed("s", "", "", "n2"), 1)["none"], 1);
  stand_in.network_gateway.reset();
  mesh.add(stand_in);
  EXPECT_EQ(choose(mesh, placed("s", "", ""), 1)["none"], 1);
}

TEST(Balance, WaypointsMayAnswerOnAnApplicationTunnelsPort) {
  Mesh mesh;
  Service s = service("shop", "s", {});
  mesh.add(s);
  Workload w = placed("w", "", "");
  w.application_tunnel = ApplicationTunnel{ApplicationTunnel::Protocol::proxy, 15088};
  mesh.add(w);
  const Workload source = placed("s", "", "");
  EXPECT_EQ(choose(mesh, source, 1, 15008)["none"], 1);
  EXPECT_EQ(choose(mesh, source, 1, 15008, Purpose::waypoint)["w"], 1);
  w.application_tunnel->port = 0;
  mesh.add(w);
  EXPECT_EQ(choose(mesh, source, 1, 15008, Purpose::waypoint)["none"], 1);
}

TEST(ChooseAddress, OwnThenFamilyThenFirstAllowed) {
  const Workload dual = pod("shop", "a", {"10.0.0.1", "2001:2::1", "10.0.0.2", "2001:2::2"});
  const auto chosen = [&](std::string_view wanted, IpFamilies families) {
    const auto address = choose_address(dual, ip(wanted), families);
    return address ? address->to_string() : "";
  };
  EXPECT_EQ(chosen("10.0.0.2", IpFamilies::automatic), "10.0.0.2");
  EXPECT_EQ(chosen("10.0.0.2", IpFamilies::ipv6_only), "10.0.0.2");
  EXPECT_EQ(chosen("10.96.0.1", IpFamilies::automatic), "10.0.0.1");
  EXPECT_EQ(chosen("2001:2:0:1::1", IpFamilies::dual), "2001:2::1");
  EXPECT_EQ(chosen("10.96.0.1", IpFamilies::ipv6_only), "2001:2::1");
  EXPECT_EQ(chosen("2001:2:0:1::1", IpFamilies::ipv4_only), "10.0.0.1");
  const Workload v6 = pod("shop", "b", {"2001:2::1"});
  EXPECT_EQ(choose_address(v6, ip("10.96.0.1"), IpFamilies::ipv4_only), std::nullopt);
}

}  // namespace
}  // namespace culvert::state
