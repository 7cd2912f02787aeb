// A mesh in a file that is refused: which file, line and field is named, and why.
#include "culvert/control/local.hpp"

#include <gmock/gmock.h>

#include <string>
#include <string_view>

namespace culvert::control {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view yaml) {
  const auto update = parse_local(yaml, "mesh.yaml");
  if (update) return "no error";
  EXPECT_EQ(update.error().code, Errc::invalid);
  return update.error().detail;
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
