#include "culvert/control/local.hpp"

#include <gmock/gmock.h>

#include <string>

namespace culvert::control {
namespace {

using state::GatewayAddress;
using state::Policy;
using state::StringMatch;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

state::Update parsed(std::string_view yaml) {
  auto update = parse_local(yaml, "mesh.yaml");
  if (!update) {
    ADD_FAILURE() << update.error().detail;
    return {};
  }
  return *std::move(update);
}

std::string error_of(std::string_view yaml) {
  const auto update = parse_local(yaml, "mesh.yaml");
  if (update) return "no error";
  EXPECT_EQ(update.error().code, Errc::invalid);
  return update.error().detail;
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

TEST(ParseLocal, ADocumentWithoutContentIsNoMesh) {
  for (const auto text : {"", "\n", "# nothing", "---\n", "---\n---\n", "~", "null"})
    EXPECT_EQ(error_of(text), "mesh.yaml:1: has no content; an empty mesh is written {}") << text;
}

TEST(ParseLocal, ASecondDocumentIsNotOverlooked) {
  EXPECT_EQ(error_of("workloads: []\n---\npolicies: []\n"),
            "mesh.yaml:2: a second document; there must be one");
  EXPECT_EQ(error_of("{}\n{policies: []}\n"), "mesh.yaml:2: a second document; there must be one");
  EXPECT_THAT(error_of("{} }\n"), HasSubstr("mesh.yaml:1: not YAML"));
}

TEST(ParseLocal, AppliesToAStore) {
  state::Store store(state::LocalNode{Name("node-a"), Name("net1"), Name()});
  store.apply(parsed(kMesh));
  EXPECT_EQ(store.view().workload_count(), 2u);
  EXPECT_EQ(store.view().endpoints({Name("shop"), Name("cart.local")})->size(), 2u);
}

TEST(ParseLocal, NamesFileLineAndField) {
  EXPECT_EQ(error_of("workloads:\n- name: a\n  namespace: b\n  services: {}\n"
                     "  workloadIps: [10.1.0.1, 10.1.0.x]\n"),
            "mesh.yaml:5: workloads[0].workloadIps[1]: not an IP address: 10.1.0.x");
  EXPECT_EQ(error_of("workloads:\n- name: a\n  workloadIps: []\n  services: {}\n"),
            "mesh.yaml:2: workloads[0].namespace: required");
  EXPECT_EQ(error_of("services: []\nworkload: []\n"), "mesh.yaml:2: workload: unknown field");
  EXPECT_EQ(error_of("workloads:\n- {name: a\n"),
            "mesh.yaml:3: not YAML: end of map flow not found");
}

TEST(ParseLocal, TakesAliasesWithinReason) {
  std::string yaml = "policies:\n";
  for (int i = 0; i < 200; ++i) {
    yaml += "- {name: p" + std::to_string(i) + ", namespace: b, scope: Global, action: Allow, ";
    yaml += i == 0 ? "rules: &r [[[{principals: [!Exact x]}]]]}\n" : "rules: *r}\n";
  }
  EXPECT_THAT(parsed(yaml).policies, SizeIs(200));
}

// Each case is one field put into a record that is right otherwise.
struct BadField {
  const char* field;
  const char* error;
};

TEST(ParseLocal, RefusesBadWorkloadFields) {
  const BadField cases[] = {
      {"workloadIps: 10.0.0.1", "workloads[0].workloadIps: must be a list"},
      {"services: [a]", "workloads[0].services: must be a map"},
      {"services: {cart: {}}", "workloads[0].services.cart: not \"namespace/hostname\": cart"},
      {"services: {a/b: {0: 1}}", "workloads[0].services.a/b.0: not a number from 1 to 65535: 0"},
      {"services: {a/b: {1: 65536}}", "not a number from 0 to 65535: 65536"},
      {"services: {a/b: {}, a/b: {}}", "workloads[0].services: given twice: a/b"},
      {"protocol: UDP", "workloads[0].protocol: not one of TCP, HBONE: UDP"},
      {"networkMode: x", "not one of Standard, HostNetwork: x"},
      {"nativeTunnel: maybe", "not one of true, false: maybe"},
      {"capacity: -1", "workloads[0].capacity: not a number"},
      {"capacity: 4294967296", "workloads[0].capacity: not a number"},
      {"status: ill", "not one of Healthy, Unhealthy: ill"},
      {"locality: {region: a}", "workloads[0].locality.zone: required"},
      {"waypoint: {destination: x}",
       "workloads[0].waypoint.destination: not \"namespace/hostname\""},
      {"waypoint: {hboneMtlsPort: 1}", "workloads[0].waypoint.destination: required"},
      {"waypoint: {destination: a/b, port: 1}", "workloads[0].waypoint.port: unknown field"},
      {"applicationTunnel: {protocol: TLS}", "not one of NONE, PROXY: TLS"},
      {"authorizationPolicies: [[a]]", "authorizationPolicies[0]: must be a single value"},
      {"serviceAcount: x", "workloads[0].serviceAcount: unknown field"},
      {"name: {a: b}", "workloads[0].name: must be a single value"},
  };
  for (const auto& c : cases) {
    std::string yaml = "workloads:\n- namespace: shop\n";
    const std::string field(c.field);
    for (const std::string other : {"name: a", "workloadIps: []", "services: {}"}) {
      if (!field.starts_with(other.substr(0, other.find(':') + 1))) yaml += "  " + other + "\n";
    }
    EXPECT_THAT(error_of(yaml + "  " + field + "\n"), HasSubstr(c.error)) << c.field;
  }
}

TEST(ParseLocal, RefusesBadServiceFields) {
  const BadField cases[] = {
      {"vips: [10.0.0.1]", "services[0].vips[0]: not \"network/IP\": 10.0.0.1"},
      {"vips: [/x]", "services[0].vips[0]: not \"network/IP\": /x"},
      {"cidrVips: [{cidr: 10.0.0.0/33}]", "services[0].cidrVips[0].cidr: not a CIDR block"},
      {"ports: {http: 80}", "services[0].ports.http: not a number from 1 to 65535: http"},
      {"loadBalancer: {mode: Strict, healthPolicy: AllowAll}", "routingPreferences: required"},
      {"loadBalancer: {mode: Strict, healthPolicy: AllowAll, routingPreferences: [Rack]}",
       "loadBalancer.routingPreferences[0]: not one of"},
      {"ipFamilies: IPv5", "not one of Dual, IPv4, IPv6: IPv5"},
      {"canonical: yes", "not one of true, false: yes"},
      {"visibility: Secret", "not one of Public, Namespace: Secret"},
      {"weightedWaypoints: [{destination: {destination: a/b}}]", "weight: required"},
      {"endpoints: {nobody: {}}", "services[0].endpoints.nobody: no workload has the uid nobody"},
      {"endpoints: {a: {health: 1}}", "services[0].endpoints.a.health: unknown field"},
      {"vip: []", "services[0].vip: unknown field"},
  };
  for (const auto& c : cases) {
    std::string yaml = "services:\n- name: a\n  namespace: b\n  hostname: c\n";
    const std::string field(c.field);
    for (const std::string other : {"vips: []", "ports: {}"}) {
      if (!field.starts_with(other.substr(0, other.find(':') + 1))) yaml += "  " + other + "\n";
    }
    EXPECT_THAT(error_of(yaml + "  " + field + "\n"), HasSubstr(c.error)) << c.field;
  }
}

TEST(ParseLocal, RefusesBadPolicies) {
  const BadField cases[] = {
      {"sourceIps: [10.0.0.0/x]", "sourceIps[0]: not a CIDR block: 10.0.0.0/x"},
      {"principals: [plain]", "principals[0]: must be !Exact x"},
      {"principals: [!Regex x]", "principals[0]: must be !Exact x"},
      {"principals: [{Regex: x}]", "principals[0]: must be !Exact x"},
      {"principals: [{Exact: x, Prefix: y}]", "principals[0]: must be !Exact x"},
      {"principals: [!Exact [x]]", "principals[0]: must be a single value"},
      {"destinationPorts: [70000]", "destinationPorts[0]: not a number"},
      {"serviceAccounts: [{namespace: a}]", "serviceAccounts[0].serviceAccount: required"},
      {"principal: []", "rules[0][0][0].principal: unknown field"},
      {"principals: , destinationPorts: [8080]", "rules[0][0][0].principals: must be a list"},
      {"notSourceIps: ~", "rules[0][0][0].notSourceIps: must be a list"},
      {"principals: [!Prefix ]", "rules[0][0][0].principals[0]: must not be empty"},
      {"notPrincipals: [{Suffix: ''}]", "notPrincipals[0].Suffix: must not be empty"},
      {"principals: [{Exact: }]", "principals[0].Exact: must be a single value"},
  };
  for (const auto& c : cases) {
    const std::string head =
        "policies:\n- {name: a, namespace: b, scope: Global, action: Allow, dryRun: false,\n"
        "   rules: [[[{";
    EXPECT_THAT(error_of(head + c.field + "}]]]}\n"), HasSubstr(c.error)) << c.field;
  }
  EXPECT_THAT(error_of("policies: [{name: a, namespace: b, scope: Global, action: Allow}]"),
              HasSubstr("policies[0].rules: required"));
  EXPECT_THAT(error_of("policies: [{name: a, namespace: b, scope: All, action: Allow, rules: []}]"),
              HasSubstr("policies[0].scope: not one of Global, Namespace, WorkloadSelector: All"));
}

// What is written and then left out would make a rule match everything.
TEST(ParseLocal, RefusesPoliciesWithHoles) {
  const BadField cases[] = {
      {"", "rules: required"},
      {"\n  -", "rules[0]: must be a list"},
      {"\n  - -", "rules[0][0]: must be a list"},
      {"\n  - - -", "rules[0][0][0]: must be a map"},
      {"\n  - - - {destinationPorts: [80]}\n    -", "rules[0][1]: must be a list"},
  };
  for (const auto& c : cases) {
    const std::string head =
        "policies:\n- name: a\n  namespace: b\n  scope: Global\n  action: Allow\n  rules:";
    EXPECT_THAT(error_of(head + c.field + "\n"), HasSubstr(c.error)) << c.field;
  }
  EXPECT_EQ(error_of("workloads: []\npolicies:\n"), "mesh.yaml:2: policies: must be a list");
  EXPECT_EQ(error_of("workloads:\n- name: a\n  namespace: b\n  workloadIps: []\n  services: {}\n"
                     "  authorizationPolicies:\n"),
            "mesh.yaml:6: workloads[0].authorizationPolicies: must be a list");
}

TEST(ParseLocal, RefusesDuplicates) {
  const std::string workload = "- {uid: u, namespace: b, workloadIps: [], services: {}}\n";
  EXPECT_EQ(error_of("workloads:\n" + workload + workload),
            "mesh.yaml:3: workloads[1]: given twice: u");
  const std::string service = "- {name: x, namespace: b, hostname: h, vips: [], ports: {}}\n";
  EXPECT_THAT(error_of("services:\n" + service + service), HasSubstr("given twice: b/h"));
  const std::string policy = "- {name: x, namespace: b, scope: Global, action: Allow, rules: []}\n";
  EXPECT_THAT(error_of("policies:\n" + policy + policy), HasSubstr("given twice: b/x"));
  EXPECT_THAT(error_of("services: []\nservices: []\n"), HasSubstr("given twice: services"));
}

TEST(ParseLocal, NeedsSomethingToMakeAUidOf) {
  EXPECT_THAT(error_of("workloads: [{namespace: a, workloadIps: [], services: {}}]"),
              HasSubstr("needs a uid"));
}

TEST(ParseLocal, SurvivesHostileDocuments) {
  EXPECT_EQ(error_of("\n,a"), "mesh.yaml:2: not YAML: what is here belongs nowhere");
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("&a [*a]"), HasSubstr("must be a map"));
  EXPECT_THAT(error_of("workloads: &a [*a]"), HasSubstr("must be a map"));
  std::string bomb = "policies:\n- {name: a, namespace: b, scope: Global, action: Allow, rules: ";
  const auto repeat = [](const std::string& anchor, const std::string& first) {
    std::string text = "[&" + anchor + " " + first;
    for (int i = 0; i < 400; ++i) text += ", *" + anchor;
    return text + "]";
  };
  bomb += repeat("r", repeat("c", repeat("m", "{principals: " + repeat("p", "!Exact x") + "}")));
  EXPECT_THAT(error_of(bomb + "}\n"), HasSubstr("too many values"));
}

}  // namespace
}  // namespace culvert::control
