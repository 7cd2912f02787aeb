// A mesh in a file: every field of it read.
#include "culvert/control/local.hpp"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::control {
namespace {

using state::Policy;
using state::StringMatch;
using testing::ElementsAre;
using testing::SizeIs;

state::Update parsed(std::string_view yaml) {
  auto update = parse_local(yaml, "mesh.yaml");
  if (!update) {
    ADD_FAILURE() << update.error().detail;
    return {};
  }
  return *std::move(update);
}

constexpr std::string_view kMesh = R"(
workloads:
- uid: c1//Pod/shop/cart-0
  name: cart-0
  namespace: shop
  serviceAccount: cart
  trustDomain: cluster.local
  workloadIps: ["10.1.0.5", "2001:2::5"]
  protocol: HBONE
  node: node-a
  network: net1
  networkMode: Standard
  workloadName: cart
  workloadType: deployment
  canonicalName: cart
  canonicalRevision: v1
  clusterId: c1
  hostname: cart.example
  nativeTunnel: true
  status: Unhealthy
  capacity: 7
  locality: {region: r, zone: z, subzone: ""}
  waypoint: {destination: /10.96.0.8, hboneMtlsPort: 15018}
  networkGateway: {destination: shop/gw.example}
  applicationTunnel: {protocol: PROXY, port: 15088}
  authorizationPolicies: ["shop/only-front"]
  services:
    shop/cart.local: {80: 8080, 443: 0}
- name: front-0
  namespace: shop
  workloadIps: []
  services: {}
services:
- name: cart
  namespace: shop
  hostname: cart.local
  vips: ["/10.96.0.20", "net1/2001:2::20"]
  cidrVips: [{network: net1, cidr: 10.97.0.0/16}]
  ports: {80: 8080, 443: 0}
  subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/cart"]
  waypoint: {destination: shop/wp.local, hboneMtlsPort: 15008}
  weightedWaypoints:
  - {destination: {destination: net1/10.0.0.8}, weight: 3}
  loadBalancer:
    routingPreferences: [Network, Region, Zone, Subzone, Node, Cluster]
    mode: Failover
    healthPolicy: AllowAll
  ipFamilies: Dual
  canonical: true
  visibility: Namespace
  endpoints:
    e1: {workloadUid: Kubernetes//Pod/shop/front-0, port: {80: 9090}, status: Healthy}
policies:
- name: only-front
  namespace: shop
  scope: WorkloadSelector
  action: Deny
  dryRun: true
  rules:
  - - - principals: [!Exact a, !Prefix b, !Suffix c, !Presence []]
        notPrincipals: [{Exact: a}, {Prefix: b}, {Suffix: "c"}, {Presence: []}]
        namespaces: [!Exact x]
        notNamespaces: [!Exact "y z"]
        serviceAccounts: [{namespace: n, serviceAccount: s}]
        notServiceAccounts: [{namespace: n, serviceAccount: t}]
        sourceIps: ["10.0.0.0/8", 10.0.0.1]
        notSourceIps: ["2001:2::/48"]
        destinationIps: [0.0.0.0/0]
        notDestinationIps: ["::/0"]
        destinationPorts: [80, 65535]
        notDestinationPorts: [443]
)";

TEST(ParseLocal, ReadsAWorkload) {
  const auto update = parsed(kMesh);
  ASSERT_THAT(update.workloads, SizeIs(2));
  const auto& w = update.workloads[0];
  EXPECT_EQ(w.uid, "c1//Pod/shop/cart-0");
  EXPECT_EQ(w.identity().uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_THAT(w.addresses, SizeIs(2));
  EXPECT_EQ(w.protocol, state::Protocol::hbone);
  EXPECT_EQ(w.status, state::HealthStatus::unhealthy);
  EXPECT_EQ(w.capacity, 7u);
  EXPECT_TRUE(w.native_tunnel);
  EXPECT_EQ(w.network, "net1");
  EXPECT_EQ(w.cluster_id, "c1");
  EXPECT_EQ(w.canonical_revision, "v1");
  EXPECT_EQ(w.locality.zone, "z");
  EXPECT_EQ(w.waypoint->to_string(), "/10.96.0.8:15018");
  EXPECT_EQ(w.network_gateway->to_string(), "shop/gw.example:15008");
  EXPECT_EQ(w.application_tunnel->port, 15088);
  EXPECT_THAT(w.authorization_policies, ElementsAre(Name("shop/only-front")));
  ASSERT_THAT(w.services, SizeIs(1));
  EXPECT_EQ(w.services[0].service.to_string(), "shop/cart.local");
  EXPECT_EQ(w.services[0].ports, (state::PortMap{{80, 8080}, {443, 0}}));
}

TEST(ParseLocal, DefaultsNothingButTheUid) {
  const auto w = parsed(kMesh).workloads.at(1);
  EXPECT_EQ(w.uid, "Kubernetes//Pod/shop/front-0");
  EXPECT_TRUE(w.trust_domain.empty() && w.service_account.empty() && w.cluster_id.empty());
  EXPECT_EQ(w.protocol, state::Protocol::tcp);
  EXPECT_EQ(w.capacity, 1u);
  ASSERT_THAT(w.services, SizeIs(1)) << "from the service's endpoints";
  EXPECT_EQ(w.services[0].ports, (state::PortMap{{80, 9090}}));
}

TEST(ParseLocal, ReadsAService) {
  const auto update = parsed(kMesh);
  ASSERT_THAT(update.services, SizeIs(1));
  const auto& s = update.services[0];
  EXPECT_EQ(s.key().to_string(), "shop/cart.local");
  ASSERT_THAT(s.vips, SizeIs(2));
  EXPECT_EQ(s.vips[0].to_string(), "/10.96.0.20");
  EXPECT_EQ(s.vips[1].to_string(), "net1/2001:2::20");
  ASSERT_THAT(s.cidr_vips, SizeIs(1));
  EXPECT_EQ(s.cidr_vips[0].prefix.to_string(), "10.97.0.0/16");
  EXPECT_EQ(s.ports.find(443), 0);
  EXPECT_THAT(s.subject_alt_names, ElementsAre("spiffe://cluster.local/ns/shop/sa/cart"));
  EXPECT_EQ(s.waypoint->to_string(), "shop/wp.local:15008");
  ASSERT_THAT(s.weighted_waypoints, SizeIs(1));
  EXPECT_EQ(s.weighted_waypoints[0].weight, 3u);
  EXPECT_THAT(s.load_balancing->routing_preference, SizeIs(6));
  EXPECT_EQ(s.mode(), state::LoadBalancing::Mode::failover);
  EXPECT_TRUE(s.allows_unhealthy());
  EXPECT_EQ(s.ip_families, state::IpFamilies::dual);
  EXPECT_TRUE(s.canonical);
  EXPECT_EQ(s.visibility, state::Visibility::namespace_);
}

TEST(ParseLocal, ARangeOfOneAddressIsAnExactAddress) {
  const auto update = parsed(
      "services:\n- {name: a, namespace: b, hostname: c, ports: {}, vips: [],\n"
      "   cidrVips: [{cidr: 10.0.0.1/32}, {network: n, cidr: '2001:2::1/128'}, {cidr: "
      "10.0.0.0/31}]}\n");
  const auto& s = update.services.at(0);
  ASSERT_THAT(s.vips, SizeIs(2));
  EXPECT_EQ(s.vips[0].to_string(), "/10.0.0.1");
  EXPECT_EQ(s.vips[1].to_string(), "n/2001:2::1");
  EXPECT_THAT(s.cidr_vips, SizeIs(1));
}

TEST(ParseLocal, ReadsAPolicyWithTagsAndMaps) {
  const auto update = parsed(kMesh);
  ASSERT_THAT(update.policies, SizeIs(1));
  const auto& p = update.policies[0];
  EXPECT_EQ(p.resource_name, "shop/only-front");
  EXPECT_EQ(p.scope, Policy::Scope::workload_selector);
  EXPECT_EQ(p.action, Policy::Action::deny);
  EXPECT_TRUE(p.dry_run);
  const auto& m = p.rules.at(0).clauses.at(0).matches.at(0);
  const std::vector<StringMatch> four{{StringMatch::Kind::exact, "a"},
                                      {StringMatch::Kind::prefix, "b"},
                                      {StringMatch::Kind::suffix, "c"},
                                      {StringMatch::Kind::presence, ""}};
  EXPECT_EQ(m.principals, four);
  EXPECT_EQ(m.not_principals, four);
  EXPECT_EQ(m.not_namespaces.at(0).value, "y z");
  EXPECT_EQ(m.service_accounts.at(0).service_account, "s");
  EXPECT_THAT(m.source_ips, SizeIs(2));
  EXPECT_EQ(m.source_ips[1].length(), 32u);
  EXPECT_THAT(m.destination_ports, ElementsAre(80, 65535));
  EXPECT_THAT(m.not_destination_ports, ElementsAre(443));
}

TEST(ParseLocal, AnEmptyMeshIsSaidToBeEmpty) {
  for (const auto text : {"{}", "workloads:\nservices: []\npolicies: []\n", "---\n{}\n---\n"})
    EXPECT_TRUE(parsed(text).empty()) << text;
}

TEST(ParseLocal, AppliesToAStore) {
  state::Store store(state::LocalNode{Name("node-a"), Name("net1"), Name()});
  store.apply(parsed(kMesh));
  EXPECT_EQ(store.view().workload_count(), 2u);
  EXPECT_EQ(store.view().endpoints({Name("shop"), Name("cart.local")})->size(), 2u);
}

TEST(ParseLocal, TakesAliasesWithinReason) {
  std::string yaml = "policies:\n";
  for (int i = 0; i < 200; ++i) {
    yaml += "- {name: p" + std::to_string(i) + ", namespace: b, scope: Global, action: Allow, ";
    yaml += i == 0 ? "rules: &r [[[{principals: [!Exact x]}]]]}\n" : "rules: *r}\n";
  }
  EXPECT_THAT(parsed(yaml).policies, SizeIs(200));
}

}  // namespace
}  // namespace culvert::control
