#include "culvert/admin/config_dump.hpp"

#include "admin/base64.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace culvert::admin {
namespace {

using nlohmann::json;

state::NamespacedHostname key(std::string_view text) {
  return *state::NamespacedHostname::parse(text);
}

state::Workload cart() {
  state::Workload made;
  made.uid = Name("c1//Pod/shop/cart-0");
  made.name = Name("cart-0");
  made.namespace_ = Name("shop");
  made.addresses = {IpAddress::v4(198, 18, 0, 5), *IpAddress::parse("2001:2::5")};
  made.protocol = state::Protocol::hbone;
  made.trust_domain = Name("cluster.local");
  made.service_account = Name("cart");
  made.node = Name("node-a");
  made.cluster_id = Name("Kubernetes");
  made.workload_name = Name("cart");
  made.canonical_name = Name("cart");
  made.canonical_revision = Name("v1");
  made.locality = {Name("r1"), Name("z1"), Name()};
  made.services = {{key("shop/cart.shop.svc.cluster.local"), {{80, 8080}}},
                   {key("shop/late.shop.svc.cluster.local"), {{81, 8081}}}};
  made.authorization_policies = {Name("shop/only-front")};
  return made;
}

state::Service cart_service() {
  state::Service made;
  made.name = Name("cart");
  made.namespace_ = Name("shop");
  made.hostname = Name("cart.shop.svc.cluster.local");
  made.vips = {{Name(), IpAddress::v4(198, 19, 0, 20)}};
  made.ports = {{80, 8080}};
  made.canonical = true;
  made.ip_families = state::IpFamilies::ipv4_only;
  made.load_balancing = state::LoadBalancing{
      {state::Scope::network, state::Scope::region}, state::LoadBalancing::Mode::failover, {}};
  made.waypoint = state::GatewayAddress{key("shop/waypoint.shop.svc.cluster.local"), 15008};
  return made;
}

state::Policy only_front() {
  state::Policy made;
  made.resource_name = Name("shop/only-front");
  made.name = Name("only-front");
  made.namespace_ = Name("shop");
  made.scope = state::Policy::Scope::workload_selector;
  made.action = state::Policy::Action::allow;
  state::Match match;
  match.principals = {{state::StringMatch::Kind::exact, "cluster.local/ns/shop/sa/front"}};
  match.not_principals = {{state::StringMatch::Kind::presence, ""}};
  match.source_ips = {*IpPrefix::parse("198.18.0.0/15")};
  match.destination_ports = {8080};
  match.service_accounts = {{Name("shop"), Name("front")}};
  made.rules = {{{{{match}}}}};
  return made;
}

class ConfigDump : public testing::Test {
 protected:
  ConfigDump() : store({Name("node-a"), Name(), Name("Kubernetes")}) { input.store = &store; }

  json parsed() const { return json::parse(config_dump(input)); }

  state::Store store;
  DumpInput input;
};

TEST_F(ConfigDump, AnEmptyMeshHasAllKeys) {
  const auto text = config_dump(input);
  EXPECT_EQ(text,
            "{\n"
            "  \"certificates\": [],\n"
            "  \"config\": {},\n"
            "  \"policies\": [],\n"
            "  \"services\": [],\n"
            "  \"stagedServices\": {},\n"
            "  \"staticConfig\": {\n"
            "    \"policies\": [],\n"
            "    \"services\": [],\n"
            "    \"workloads\": []\n"
            "  },\n"
            "  \"version\": {\n"
            "    \"buildProfile\": \"\",\n"
            "    \"buildStatus\": \"\",\n"
            "    \"cryptoProvider\": \"\",\n"
            "    \"gitRevision\": \"\",\n"
            "    \"istioVersion\": \"\",\n"
            "    \"rustVersion\": \"\",\n"
            "    \"version\": \"\"\n"
            "  },\n"
            "  \"workloads\": []\n"
            "}\n");
}

// Whatever is assembled by hand must read as if one serializer had written the whole document.
TEST_F(ConfigDump, TheTextIsCanonical) {
  store.apply({{cart()}, {cart_service()}, {only_front()}, {}, {}});
  input.config = "{\n  \"a\": 1\n}";
  input.pods = std::vector<PodEntry>{{"uid-1", "cart-0", "shop", "cart", true, {}, {}}};
  input.certificates = {{"spiffe://td/ns/n/sa/s", "Available", {{"1", "a", "b", "pem"}}, {}}};
  EXPECT_EQ(config_dump(input), parsed().dump(2) + "\n");
}

TEST_F(ConfigDump, AWorkload) {
  store.apply({{cart()}, {}, {}, {}, {}});
  const auto dump = parsed();
  ASSERT_EQ(dump["workloads"].size(), 1U);
  EXPECT_EQ(dump["workloads"][0], json::parse(R"({
    "authorizationPolicies": ["shop/only-front"], "canonicalName": "cart",
    "canonicalRevision": "v1", "capacity": 1, "clusterId": "Kubernetes",
    "locality": {"region": "r1", "subzone": "", "zone": "z1"}, "name": "cart-0",
    "namespace": "shop", "networkMode": "Standard", "node": "node-a", "protocol": "HBONE",
    "serviceAccount": "cart",
    "services": ["shop/cart.shop.svc.cluster.local", "shop/late.shop.svc.cluster.local"],
    "status": "Healthy", "trustDomain": "cluster.local", "uid": "c1//Pod/shop/cart-0",
    "workloadIps": ["198.18.0.5", "2001:2::5"], "workloadName": "cart",
    "workloadType": "deployment"})"));
}

TEST_F(ConfigDump, AWorkloadWithEverythingElse) {
  state::Workload made;
  made.uid = Name("u");
  made.hostname = Name("db.example");
  made.network = Name("net");
  made.network_mode = state::NetworkMode::host_network;
  made.status = state::HealthStatus::unhealthy;
  made.native_tunnel = true;
  made.capacity = 7;
  made.workload_type = state::WorkloadType::job;
  made.waypoint = state::GatewayAddress{
      state::NetworkAddress{Name("net"), IpAddress::v4(198, 18, 0, 9)}, 15008};
  made.network_gateway = state::GatewayAddress{key("ns/gw.example"), 15443};
  made.application_tunnel = state::ApplicationTunnel{state::ApplicationTunnel::Protocol::proxy, 0};
  store.apply({{made}, {}, {}, {}, {}});
  EXPECT_EQ(parsed()["workloads"][0], json::parse(R"({
    "applicationTunnel": {"port": null, "protocol": "PROXY"}, "capacity": 7, "clusterId": "",
    "hostname": "db.example", "name": "", "namespace": "", "nativeTunnel": true, "network": "net",
    "networkGateway": {"destination": "ns/gw.example", "hboneMtlsPort": 15443},
    "networkMode": "HostNetwork", "protocol": "TCP", "status": "Unhealthy", "uid": "u",
    "waypoint": {"destination": "net/198.18.0.9", "hboneMtlsPort": 15008}, "workloadIps": [],
    "workloadType": "job"})"));
}

TEST_F(ConfigDump, AServiceWithItsEndpoints) {
  store.apply({{cart()}, {cart_service()}, {}, {}, {}});
  const auto dump = parsed();
  ASSERT_EQ(dump["services"].size(), 1U);
  EXPECT_EQ(dump["services"][0], json::parse(R"({
    "canonical": true,
    "endpoints": {"c1//Pod/shop/cart-0": {"port": {"80": 8080}, "status": "Healthy",
                                          "workloadUid": "c1//Pod/shop/cart-0"}},
    "hostname": "cart.shop.svc.cluster.local", "ipFamilies": "IPv4",
    "loadBalancer": {"healthPolicy": "OnlyHealthy", "mode": "Failover",
                     "routingPreferences": ["Network", "Region"]},
    "name": "cart", "namespace": "shop", "ports": {"80": 8080}, "subjectAltNames": [],
    "vips": ["/198.19.0.20"], "visibility": "Public",
    "waypoint": {"destination": "shop/waypoint.shop.svc.cluster.local", "hboneMtlsPort": 15008}})"));
  EXPECT_EQ(dump["stagedServices"], json::parse(R"({
    "shop/late.shop.svc.cluster.local": {"c1//Pod/shop/cart-0": {
      "port": {"81": 8081}, "status": "Healthy", "workloadUid": "c1//Pod/shop/cart-0"}}})"));
}

TEST_F(ConfigDump, APolicy) {
  store.apply({{}, {}, {only_front()}, {}, {}});
  EXPECT_EQ(parsed()["policies"][0], json::parse(R"({
    "action": "Allow", "dryRun": false, "name": "only-front", "namespace": "shop",
    "rules": [[[{
      "principals": [{"Exact": "cluster.local/ns/shop/sa/front"}],
      "notPrincipals": [{"Presence": []}], "sourceIps": ["198.18.0.0/15"],
      "destinationPorts": [8080],
      "serviceAccounts": [{"namespace": "shop", "serviceAccount": "front"}]}]]],
    "scope": "WorkloadSelector"})"));
}

TEST_F(ConfigDump, CertificatesAreSortedAndInBase64) {
  input.certificates = {
      {"spiffe://td/ns/n/sa/z", "Unavailable: CA is away", {}, {}},
      {"spiffe://td/ns/n/sa/a",
       "Available",
       {{"123456789", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "-----BEGIN"}},
       {{"1", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z", "x"}}}};
  EXPECT_EQ(parsed()["certificates"], json::parse(R"([
    {"certChain": [{"expirationTime": "2026-01-02T00:00:00Z", "pem": "LS0tLS1CRUdJTg==",
                    "serialNumber": "123456789", "validFrom": "2026-01-01T00:00:00Z"}],
     "identity": "spiffe://td/ns/n/sa/a",
     "rootCerts": [{"expirationTime": "2036-01-01T00:00:00Z", "pem": "eA==", "serialNumber": "1",
                    "validFrom": "2026-01-01T00:00:00Z"}],
     "state": "Available"},
    {"certChain": [], "identity": "spiffe://td/ns/n/sa/z", "rootCerts": [],
     "state": "Unavailable: CA is away"}])"));
}

TEST_F(ConfigDump, PodsAndTheirConnections) {
  PodEntry up{"uid-1", "cart-0", "shop", "cart", true, {}, {}};
  up.inbound = {{"198.18.0.6:41000", std::nullopt, "198.18.0.5:8080", "HBONE"}};
  up.outbound = {{"198.18.0.5:52000", "198.19.0.30:80", "198.18.0.9:15008", "HBONE"}};
  input.pods = std::vector<PodEntry>{up, {"uid-2", "new-0", "shop", "new", false, {}, {}}};
  EXPECT_EQ(parsed()["workloadState"], json::parse(R"({
    "uid-1": {"state": "Up",
      "info": {"name": "cart-0", "namespace": "shop", "serviceAccount": "cart"},
      "connections": {
        "inbound": [{"actualDst": "198.18.0.5:8080", "originalDst": null, "protocol": "HBONE",
                     "src": "198.18.0.6:41000"}],
        "outbound": [{"actualDst": "198.18.0.9:15008", "originalDst": "198.19.0.30:80",
                      "protocol": "HBONE", "src": "198.18.0.5:52000"}]}},
    "uid-2": {"state": "Pending",
      "info": {"name": "new-0", "namespace": "shop", "serviceAccount": "new"}}})"));
}

TEST_F(ConfigDump, TheLocalDocumentIsEchoed) {
  const state::Update local{{cart()}, {cart_service()}, {only_front()}, {}, {}};
  input.local = &local;
  const auto dump = parsed();
  EXPECT_EQ(dump["staticConfig"]["workloads"][0]["uid"], "c1//Pod/shop/cart-0");
  EXPECT_EQ(dump["staticConfig"]["services"][0]["hostname"], "cart.shop.svc.cluster.local");
  EXPECT_EQ(dump["staticConfig"]["policies"][0]["name"], "only-front");
  EXPECT_TRUE(dump["workloads"].empty());
}

TEST_F(ConfigDump, ListsAreSorted) {
  std::vector<state::Workload> workloads;
  for (const char* uid : {"c", "a", "b"}) {
    state::Workload made;
    made.uid = Name(uid);
    workloads.push_back(made);
  }
  store.apply({std::move(workloads), {}, {}, {}, {}});
  std::string order;
  const auto dump = parsed();
  for (const auto& workload : dump["workloads"]) order += workload["uid"].get<std::string>();
  EXPECT_EQ(order, "abc");
}

TEST_F(ConfigDump, TextThatIsNotUtf8IsShownAllTheSame) {
  input.certificates = {
      {"a\xFF"
       "b",
       "Available",
       {},
       {}}};
  EXPECT_EQ(parsed()["certificates"][0]["identity"],
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Base64, PadsAsTheStandardSays) {  // RFC 4648 section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
}

}  // namespace
}  // namespace culvert::admin
