#include "culvert/state/route.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

#include <set>

namespace culvert::state {
namespace {

using test::at;
using test::gateway;
using test::gateway_by_name;
using test::in;
using test::Mesh;
using test::pod;
using test::service;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

using Kind = OutboundDecision::Kind;

// A client "shop/front" (10.0.0.1), a server "shop/cart" (10.0.0.2, HBONE) behind 10.96.0.2:80, and
// a plain server "shop/old" (10.0.0.3).
struct Route : testing::Test {
  Route() {
    mesh.add(pod("shop", "front", {"10.0.0.1"}));
    mesh.add(service("shop", "cart", {"10.96.0.2"}));
    mesh.add(cart());
    Workload old = pod("shop", "old", {"10.0.0.3"});
    old.protocol = Protocol::tcp;
    mesh.add(old);
  }
  static Workload cart() { return in(pod("shop", "cart", {"10.0.0.2"}), "shop/cart"); }
  static Identity id(std::string_view account) { return {Name("td"), Name("shop"), Name(account)}; }
  // A waypoint pod "shop/wp" (10.0.0.8), behind the service shop/wp (10.96.0.8) on 15008.
  void add_waypoint() {
    Service s = service("shop", "wp", {"10.96.0.8"});
    s.ports = {{15008, 15008}};
    s.subject_alt_names = {"spiffe://td/ns/shop/sa/wp-service"};
    mesh.add(s);
    mesh.add(in(pod("shop", "wp", {"10.0.0.8"}), "shop/wp"));
  }
  OutboundDecision to(std::string_view destination, std::string_view client = "front") {
    const OutboundRequest request{mesh.workload("c1//Pod/shop/" + std::string(client)),
                                  at(destination), &ports};
    return decide_outbound(mesh.store.view(), request, random);
  }

  Mesh mesh;
  InternalPorts ports;
  Random random{1};
};

TEST_F(Route, UnknownDestinationPassesThrough) {
  const auto d = to("198.18.0.1:443");
  EXPECT_EQ(d.kind, Kind::pass_through);
  EXPECT_EQ(d.reason, Reason::unknown_destination);
  EXPECT_EQ(d.dial, at("198.18.0.1:443"));
  EXPECT_EQ(d.destination, nullptr);
  EXPECT_TRUE(d.expected.empty());
}

TEST_F(Route, HboneWorkloadByAddress) {
  const auto d = to("10.0.0.2:5000");
  EXPECT_EQ(d.kind, Kind::hbone);
  EXPECT_EQ(d.reason, Reason::direct);
  EXPECT_EQ(d.dial, at("10.0.0.2:15008"));
  EXPECT_EQ(d.authority, "10.0.0.2:5000");
  EXPECT_THAT(d.expected, ElementsAre(id("cart")));
  EXPECT_EQ(d.destination->name, "cart");
  EXPECT_EQ(d.service, nullptr);
}

TEST_F(Route, TcpWorkloadByAddress) {
  const auto d = to("10.0.0.3:5000");
  EXPECT_EQ(d.kind, Kind::tcp);
  EXPECT_EQ(d.dial, at("10.0.0.3:5000"));
  EXPECT_EQ(d.destination->name, "old");
  EXPECT_TRUE(d.authority.empty());
}

TEST_F(Route, ServiceByVirtualAddress) {
  const auto d = to("10.96.0.2:80");
  EXPECT_EQ(d.kind, Kind::hbone);
  EXPECT_EQ(d.dial, at("10.0.0.2:15008"));
  EXPECT_EQ(d.authority, "10.0.0.2:8080");
  EXPECT_EQ(d.target, at("10.0.0.2:8080"));
  ASSERT_NE(d.service, nullptr);
  EXPECT_EQ(d.service->hostname, "cart");
}

TEST_F(Route, ServiceSansJoinTheWorkloadsIdentity) {
  Service s = service("shop", "cart", {"10.96.0.2"});
  s.subject_alt_names = {"spiffe://td/ns/shop/sa/extra", "spiffe://td/ns/shop/sa/cart"};
  mesh.add(s);
  EXPECT_THAT(to("10.96.0.2:80").expected, UnorderedElementsAre(id("extra"), id("cart")));
}

TEST_F(Route, Ipv6) {
  mesh.add(pod("shop", "six", {"2001:2::5"}));
  const auto d = to("[2001:2::5]:80");
  EXPECT_EQ(d.kind, Kind::hbone);
  EXPECT_EQ(d.dial, at("[2001:2::5]:15008"));
  EXPECT_EQ(d.authority, "[2001:2::5]:80");
}

TEST_F(Route, KnownServiceNeverFallsBackToPassThrough) {
  EXPECT_EQ(to("10.96.0.2:81").kind, Kind::refuse) << "a port that the service does not have";
  mesh.remove("c1//Pod/shop/cart");
  const auto d = to("10.96.0.2:80");
  EXPECT_EQ(d.kind, Kind::refuse);
  EXPECT_EQ(d.reason, Reason::no_healthy_upstream);
}

TEST_F(Route, AddressOfBothServiceAndWorkloadDoesNotFallBackEither) {
  mesh.add(service("shop", "both", {"10.0.0.2"}));
  EXPECT_EQ(to("10.0.0.2:80").reason, Reason::no_healthy_upstream);
  mesh.add(in(pod("shop", "behind", {"10.0.0.7"}), "shop/both"));
  EXPECT_EQ(to("10.0.0.2:80").authority, "10.0.0.7:8080");
}

TEST_F(Route, PassthroughServiceGoesToTheOriginalDestination) {
  Service s = service("shop", "cart", {"10.96.0.2"});
  s.load_balancing = LoadBalancing{{}, LoadBalancing::Mode::passthrough, {}};
  mesh.add(s);
  const auto d = to("10.96.0.2:99");
  EXPECT_EQ(d.kind, Kind::pass_through);
  EXPECT_EQ(d.reason, Reason::passthrough_service);
  EXPECT_EQ(d.dial, at("10.96.0.2:99"));
  add_waypoint();
  s.waypoint = gateway("10.96.0.8");
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:99").reason, Reason::waypoint_of_service)
      << "its waypoint is not bypassed";
}

TEST_F(Route, RefusesOurOwnPortsOnLoopback) {
  for (const auto text : {"127.0.0.1:15008", "127.0.0.1:15006", "127.0.0.9:15001", "[::1]:15008"}) {
    const auto d = to(text);
    EXPECT_EQ(d.kind, Kind::refuse) << text;
    EXPECT_EQ(d.reason, Reason::recursive_call) << text;
  }
  EXPECT_EQ(to("127.0.0.1:15080").kind, Kind::pass_through);
  ports.ports.push_back(15080);
  EXPECT_EQ(to("127.0.0.1:15080").kind, Kind::refuse);
  EXPECT_EQ(to("198.18.0.1:15008").kind, Kind::pass_through);
}

TEST_F(Route, ServiceWaypointByAddress) {
  add_waypoint();
  Service s = service("shop", "cart", {"10.96.0.2"});
  for (const auto reference : {"10.96.0.8", "10.0.0.8"}) {
    s.waypoint = gateway(reference);
    mesh.add(s);
    const auto d = to("10.96.0.2:80");
    EXPECT_EQ(d.kind, Kind::hbone);
    EXPECT_EQ(d.reason, Reason::waypoint_of_service);
    EXPECT_EQ(d.dial, at("10.0.0.8:15008"));
    EXPECT_EQ(d.authority, "10.96.0.2:80") << "the waypoint gets the address asked for";
    EXPECT_EQ(d.destination->name, "wp");
    EXPECT_EQ(d.service->hostname, "cart");
  }
  EXPECT_THAT(to("10.96.0.2:80").expected, ElementsAre(id("wp")));
}

TEST_F(Route, ServiceWaypointByHostname) {
  add_waypoint();
  Service s = service("shop", "cart", {"10.96.0.2"});
  s.waypoint = gateway_by_name("shop/wp");
  mesh.add(s);
  const auto d = to("10.96.0.2:80");
  EXPECT_EQ(d.dial, at("10.0.0.8:15008"));
  EXPECT_THAT(d.expected, UnorderedElementsAre(id("wp"), id("wp-service")));

  Workload named = pod("shop", "named", {"10.0.0.9"});
  named.hostname = Name("named.example");
  mesh.add(named);
  s.waypoint = gateway_by_name("shop/named.example", 16000);
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:80").dial, at("10.0.0.9:16000"));
}

TEST_F(Route, MissingWaypointIsNotBypassed) {
  Service s = service("shop", "cart", {"10.96.0.2"});
  s.waypoint = gateway_by_name("shop/none");
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:80").reason, Reason::unknown_waypoint);
  s.waypoint = gateway("10.96.0.77");
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:80").reason, Reason::unknown_waypoint);
  add_waypoint();
  mesh.remove("c1//Pod/shop/wp");
  s.waypoint = gateway_by_name("shop/wp");
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:80").reason, Reason::no_healthy_upstream);
  EXPECT_EQ(to("10.96.0.2:80").kind, Kind::refuse);
}

TEST_F(Route, WeightedWaypointsShareConnections) {
  mesh.add(pod("shop", "w1", {"10.0.1.1"}));
  mesh.add(pod("shop", "w2", {"10.0.1.2"}));
  mesh.add(pod("shop", "w3", {"10.0.1.3"}));
  Service s = service("shop", "cart", {"10.96.0.2"});
  s.waypoint = gateway("10.0.1.3");
  s.weighted_waypoints = {{gateway("10.0.1.1"), 1}, {gateway("10.0.1.2"), 3}};
  mesh.add(s);
  int first = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto d = to("10.96.0.2:80");
    ASSERT_NE(d.destination->name, "w3");
    first += d.destination->name == "w1" ? 1 : 0;
  }
  EXPECT_NEAR(first, 500, 100);
  for (auto& w : s.weighted_waypoints) w.weight = 0;
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.2:80").destination->name, "w3");
}

TEST_F(Route, WorkloadWaypointIsForPodAddressesOnly) {
  add_waypoint();
  Workload w = cart();
  w.waypoint = gateway_by_name("shop/wp");
  mesh.add(w);
  const auto d = to("10.0.0.2:5000");
  EXPECT_EQ(d.reason, Reason::waypoint_of_workload);
  EXPECT_EQ(d.dial, at("10.0.0.8:15008"));
  EXPECT_EQ(d.authority, "10.0.0.2:5000");
  EXPECT_EQ(to("10.96.0.2:80").reason, Reason::direct);
  EXPECT_EQ(to("10.0.0.2:5000", "wp").reason, Reason::direct) << "no double traversal";
}

TEST_F(Route, OtherReplicaOfTheWaypointGoesDirectToo) {
  add_waypoint();
  Workload second = in(pod("shop", "wp2", {"10.0.0.18"}), "shop/wp");
  mesh.add(second);
  Workload w = cart();
  w.waypoint = gateway("10.96.0.8");
  mesh.add(w);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(to("10.0.0.2:5000", "wp").reason, Reason::direct);
    EXPECT_EQ(to("10.0.0.2:5000", "wp2").reason, Reason::direct);
  }
}

TEST_F(Route, OtherNetworksAreReachedThroughServicesOnly) {
  Workload remote = in(pod("shop", "far", {}), "shop/far");
  remote.network = Name("net2");
  remote.network_gateway = gateway("198.18.1.1");
  mesh.add(remote);
  mesh.add(service("shop", "far", {"10.96.0.9"}));
  EXPECT_EQ(to("10.96.0.9:80").reason, Reason::cross_network);
  remote.addresses = {test::ip("10.5.0.1")};
  remote.network_gateway.reset();
  mesh.add(remote);
  EXPECT_EQ(to("10.96.0.9:80").reason, Reason::no_routing_destination);
  EXPECT_EQ(to("10.5.0.1:80").kind, Kind::pass_through);
}

TEST_F(Route, WorkloadsWithoutAddressOrHostnameAreRefused) {
  mesh.add(in(pod("shop", "named", {}), "shop/named"));
  mesh.add(service("shop", "named", {"10.96.0.9"}));
  EXPECT_EQ(to("10.96.0.9:80").reason, Reason::no_healthy_upstream);
}

TEST_F(Route, AHostnameIsResolvedBeforeATunnelToIt) {
  Workload named = in(pod("shop", "named", {}), "shop/named");
  named.hostname = Name("db.example");
  mesh.add(named);
  mesh.add(service("shop", "named", {"10.96.0.9"}));
  const auto asked = to("10.96.0.9:80");
  EXPECT_EQ(asked.kind, Kind::resolve);
  EXPECT_EQ(asked.hostname, "db.example");
  EXPECT_THAT(asked.explain(), HasSubstr("db.example"));
  const auto d = with_address(asked, test::ip("10.7.0.1"));
  EXPECT_EQ(d.kind, Kind::hbone);
  EXPECT_EQ(d.dial, at("10.7.0.1:15008"));
  EXPECT_EQ(d.target, at("10.7.0.1:8080"));
  EXPECT_EQ(d.authority, "10.7.0.1:8080");
  EXPECT_EQ(d.expected.size(), 1u);
  EXPECT_EQ(d.destination->uid, named.uid);
}

TEST_F(Route, AHostnameIsResolvedBeforePlainTcpToIt) {
  Workload named = in(pod("shop", "named", {}), "shop/named");
  named.hostname = Name("db.example");
  named.protocol = Protocol::tcp;
  mesh.add(named);
  mesh.add(service("shop", "named", {"10.96.0.9"}));
  const auto d = with_address(to("10.96.0.9:80"), test::ip("2001:db8::7"));
  EXPECT_EQ(d.kind, Kind::tcp);
  EXPECT_EQ(d.dial, at("[2001:db8::7]:8080"));
  EXPECT_EQ(d.target, d.dial);
}

TEST_F(Route, AWaypointsHostnameIsResolvedAndTheTargetKept) {
  Workload waypoint = in(pod("shop", "wp", {}), "shop/wp");
  waypoint.hostname = Name("wp.example");
  mesh.add(waypoint);
  Service wp = service("shop", "wp", {"10.96.0.8"});
  wp.ports = {{15008, 15008}};
  mesh.add(wp);
  Service behind = service("shop", "behind", {"10.96.0.9"});
  behind.waypoint = gateway_by_name("shop/wp");
  mesh.add(behind);
  const auto asked = to("10.96.0.9:80");
  EXPECT_EQ(asked.kind, Kind::resolve);
  const auto d = with_address(asked, test::ip("10.7.0.1"));
  EXPECT_EQ(d.kind, Kind::hbone);
  EXPECT_EQ(d.dial, at("10.7.0.1:15008"));
  EXPECT_EQ(d.authority, "10.96.0.9:80");
  EXPECT_EQ(d.target, at("10.96.0.9:80"));
}

TEST_F(Route, InvisibleServiceIsUnknown) {
  Service s = service("private", "p", {"10.96.0.9"});
  s.visibility = Visibility::namespace_;
  mesh.add(s);
  EXPECT_EQ(to("10.96.0.9:80").reason, Reason::unknown_destination);
}

TEST_F(Route, ExplainsItself) {
  EXPECT_EQ(to("10.96.0.2:80").explain(),
            "HBONE to 10.0.0.2:15008 for 10.0.0.2:8080: no waypoint in between; service shop/cart; "
            "workload c1//Pod/shop/cart; expects spiffe://td/ns/shop/sa/cart");
  EXPECT_THAT(to("127.0.0.1:15008").explain(), HasSubstr("recursive"));
  EXPECT_THAT(to("198.18.0.1:1").explain(), HasSubstr("original destination 198.18.0.1:1"));
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reason::no_routing_destination); ++i)
    names.insert(to_string(static_cast<Reason>(i)));
  EXPECT_EQ(names.size(), 11u);
}

}  // namespace
}  // namespace culvert::state
