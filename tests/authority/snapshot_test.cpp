// The encoded mesh, read back with protobuf.
#include "authority/snapshot.hpp"

#include "proto/authorization.pb.h"
#include "proto/workload.pb.h"

#include <gmock/gmock.h>

namespace culvert::authority {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace pb = istio::workload;
namespace sec = istio::security;

state::NamespacedHostname host(const char* text) { return *state::NamespacedHostname::parse(text); }

state::Workload full_workload() {
  state::Workload w;
  w.uid = Name("c1//Pod/shop/cart-0");
  w.name = Name("cart-0");
  w.namespace_ = Name("shop");
  w.addresses = {IpAddress::v4(198, 18, 0, 5), *IpAddress::parse("2001:2::5")};
  w.hostname = Name("cart.example");
  w.network = Name("net1");
  w.protocol = state::Protocol::hbone;
  w.status = state::HealthStatus::unhealthy;
  w.workload_type = state::WorkloadType::pod;
  w.native_tunnel = true;
  w.capacity = 7;
  w.trust_domain = Name("td");
  w.service_account = Name("cart");
  w.node = Name("node-a");
  w.cluster_id = Name("c1");
  w.workload_name = Name("cart");
  w.canonical_name = Name("cart-c");
  w.canonical_revision = Name("v1");
  w.locality = {Name("r"), Name("z"), Name("s")};
  w.waypoint = state::GatewayAddress{host("shop/waypoint"), 15008};
  w.network_gateway = state::GatewayAddress{
      state::NetworkAddress{Name("net2"), IpAddress::v4(198, 18, 9, 9)}, 15009};
  w.application_tunnel = state::ApplicationTunnel{state::ApplicationTunnel::Protocol::proxy, 15088};
  w.services = {{host("shop/cart.shop"), {{80, 8080}, {81, 0}}}, {host("shop/b.shop"), {}}};
  w.authorization_policies = {Name("shop/only-front")};
  return w;
}

SnapshotPtr snapshot(const state::Update& mesh) {
  auto made = make_snapshot(mesh, "cluster.local");
  EXPECT_TRUE(made) << made.error().detail;
  return *made;
}

pb::Address address(const Snapshot& from, std::string_view name) {
  pb::Address message;
  const auto resource = from.addresses->find(name);
  EXPECT_TRUE(resource && message.ParseFromString(resource->body)) << name;
  return message;
}

TEST(Snapshot, EncodesEveryFieldOfAWorkload) {
  state::Update mesh;
  mesh.workloads = {full_workload()};
  const auto made = snapshot(mesh);
  const auto w = address(*made, "c1//Pod/shop/cart-0").workload();
  EXPECT_EQ(w.uid(), "c1//Pod/shop/cart-0");
  EXPECT_EQ(w.name(), "cart-0");
  EXPECT_EQ(w.namespace_(), "shop");
  EXPECT_THAT(w.addresses(),
              ElementsAre(std::string("\xC6\x12\x00\x05", 4),
                          std::string("\x20\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\x05", 16)));
  EXPECT_EQ(w.hostname(), "cart.example");
  EXPECT_EQ(w.network(), "net1");
  EXPECT_EQ(w.tunnel_protocol(), pb::HBONE);
  EXPECT_EQ(w.network_mode(), pb::STANDARD);
  EXPECT_EQ(w.status(), pb::UNHEALTHY);
  EXPECT_EQ(w.workload_type(), pb::POD);
  EXPECT_TRUE(w.native_tunnel());
  EXPECT_EQ(w.capacity().value(), 7U);
  EXPECT_EQ(w.trust_domain(), "td");
  EXPECT_EQ(w.service_account(), "cart");
  EXPECT_EQ(w.node(), "node-a");
  EXPECT_EQ(w.cluster_id(), "c1");
  EXPECT_EQ(w.workload_name(), "cart");
  EXPECT_EQ(w.canonical_name(), "cart-c");
  EXPECT_EQ(w.canonical_revision(), "v1");
  EXPECT_EQ(w.locality().region() + w.locality().zone() + w.locality().subzone(), "rzs");
  EXPECT_EQ(w.waypoint().hostname().hostname(), "waypoint");
  EXPECT_EQ(w.waypoint().hbone_mtls_port(), 15008U);
  EXPECT_EQ(w.network_gateway().address().network(), "net2");
  EXPECT_EQ(w.network_gateway().address().address(), std::string("\xC6\x12\x09\x09", 4));
  EXPECT_EQ(w.application_tunnel().protocol(), pb::ApplicationTunnel::PROXY);
  EXPECT_EQ(w.application_tunnel().port(), 15088U);
  ASSERT_EQ(w.services().size(), 2U);
  const auto& ports = w.services().at("shop/cart.shop").ports();
  ASSERT_EQ(ports.size(), 2);
  EXPECT_EQ(ports[0].service_port(), 80U);
  EXPECT_EQ(ports[0].target_port(), 8080U);
  EXPECT_EQ(ports[1].target_port(), 0U);
  EXPECT_THAT(w.authorization_policies(), ElementsAre("shop/only-front"));
  EXPECT_THAT(made->addresses->find("c1//Pod/shop/cart-0")->aliases,
              ElementsAre("net1/198.18.0.5", "net1/2001:2::5"));
}

TEST(Snapshot, FillsInWhatClientsWouldFillInDifferently) {
  state::Update mesh;
  mesh.workloads.resize(1);
  mesh.workloads[0].name = Name("cart-0");
  mesh.workloads[0].namespace_ = Name("shop");
  mesh.workloads[0].addresses = {IpAddress::v4(198, 18, 0, 5)};
  mesh.workloads[0].network_mode = state::NetworkMode::host_network;
  const auto made = *make_snapshot(mesh, "my.domain");
  const auto w = address(*made, "//Pod/shop/cart-0").workload();
  EXPECT_EQ(w.trust_domain(), "my.domain");
  EXPECT_EQ(w.service_account(), "default");
  EXPECT_FALSE(w.has_capacity());
  EXPECT_EQ(w.network_mode(), pb::HOST_NETWORK);
  EXPECT_TRUE(made->addresses->find("//Pod/shop/cart-0")->aliases.empty());
  EXPECT_TRUE(made->roster.holds(*Identity::parse("spiffe://my.domain/ns/shop/sa/default")));
}

TEST(Snapshot, EncodesEveryFieldOfAService) {
  state::Service s;
  s.name = Name("cart");
  s.namespace_ = Name("shop");
  s.hostname = Name("cart.shop");
  s.vips = {{Name(""), IpAddress::v4(198, 19, 0, 1)}};
  s.cidr_vips = {{Name("net1"), *IpPrefix::parse("198.19.4.0/24")}};
  s.ports = {{80, 8080}, {90, 0}};
  s.subject_alt_names = {"spiffe://td/ns/a/sa/b"};
  s.waypoint = state::GatewayAddress{host("shop/waypoint"), 15008};
  s.weighted_waypoints = {{state::GatewayAddress{host("shop/w2"), 15010}, 3}};
  s.load_balancing = state::LoadBalancing{{state::Scope::network, state::Scope::node},
                                          state::LoadBalancing::Mode::failover,
                                          state::LoadBalancing::HealthPolicy::allow_all};
  s.ip_families = state::IpFamilies::dual;
  s.canonical = true;
  s.visibility = state::Visibility::namespace_;
  state::Update mesh;
  mesh.services = {s};
  const auto made = snapshot(mesh);
  const auto to = address(*made, "shop/cart.shop").service();
  EXPECT_EQ(to.name(), "cart");
  EXPECT_EQ(to.namespace_(), "shop");
  EXPECT_EQ(to.hostname(), "cart.shop");
  ASSERT_EQ(to.addresses().size(), 2);
  EXPECT_EQ(to.addresses(0).address(), std::string("\xC6\x13\x00\x01", 4));
  EXPECT_FALSE(to.addresses(0).has_length());
  EXPECT_EQ(to.addresses(1).network(), "net1");
  EXPECT_EQ(to.addresses(1).length(), 24U);
  ASSERT_EQ(to.ports().size(), 2);
  EXPECT_EQ(to.ports(0).target_port(), 8080U);
  EXPECT_THAT(to.subject_alt_names(), ElementsAre("spiffe://td/ns/a/sa/b"));
  EXPECT_EQ(to.waypoint().hostname().namespace_(), "shop");
  ASSERT_EQ(to.weighted_waypoints().size(), 1);
  EXPECT_EQ(to.weighted_waypoints(0).weight(), 3U);
  EXPECT_EQ(to.weighted_waypoints(0).destination().hostname().hostname(), "w2");
  EXPECT_THAT(to.load_balancing().routing_preference(),
              ElementsAre(pb::LoadBalancing::NETWORK, pb::LoadBalancing::NODE));
  EXPECT_EQ(to.load_balancing().mode(), pb::LoadBalancing::FAILOVER);
  EXPECT_EQ(to.load_balancing().health_policy(), pb::LoadBalancing::ALLOW_ALL);
  EXPECT_EQ(to.ip_families(), pb::DUAL);
  EXPECT_TRUE(to.canonical());
  EXPECT_EQ(to.visibility(), pb::Service::NAMESPACE);
  EXPECT_THAT(made->addresses->find("shop/cart.shop")->aliases,
              ElementsAre("/198.19.0.1", "net1/198.19.4.0/24"));
}

state::Policy full_policy() {
  using Kind = state::StringMatch::Kind;
  state::Match m;
  m.namespaces = {{Kind::exact, "a"}};
  m.not_namespaces = {{Kind::prefix, "b"}};
  m.service_accounts = {{Name("ns"), Name("sa")}};
  m.not_service_accounts = {{Name("ns2"), Name("sa2")}};
  m.principals = {{Kind::suffix, "c"}};
  m.not_principals = {{Kind::presence, ""}};
  m.source_ips = {*IpPrefix::parse("198.18.0.0/16")};
  m.not_source_ips = {*IpPrefix::parse("2001:2::/48")};
  m.destination_ips = {*IpPrefix::parse("198.19.0.1")};
  m.not_destination_ips = {*IpPrefix::parse("198.19.0.2")};
  m.destination_ports = {80, 443};
  m.not_destination_ports = {8080};
  state::Policy p;
  p.resource_name = Name("shop/only");
  p.name = Name("only");
  p.namespace_ = Name("shop");
  p.scope = state::Policy::Scope::workload_selector;
  p.action = state::Policy::Action::deny;
  p.dry_run = true;
  p.rules = {{{{{m, state::Match{}}}, state::Clause{}}}, state::Rule{}};
  return p;
}

TEST(Snapshot, EncodesEveryFieldOfAPolicy) {
  state::Update mesh;
  mesh.policies = {full_policy()};
  sec::Authorization to;
  ASSERT_TRUE(to.ParseFromString(snapshot(mesh)->authorizations->find("shop/only")->body));
  EXPECT_EQ(to.name() + "," + to.namespace_(), "only,shop");
  EXPECT_EQ(to.scope(), sec::WORKLOAD_SELECTOR);
  EXPECT_EQ(to.action(), sec::DENY);
  EXPECT_TRUE(to.dry_run());
  ASSERT_EQ(to.rules().size(), 2);  // an empty rule matches everything: it must not get lost
  ASSERT_EQ(to.rules(0).clauses().size(), 2);
  ASSERT_EQ(to.rules(0).clauses(0).matches().size(), 2);
  const auto& m = to.rules(0).clauses(0).matches(0);
  EXPECT_EQ(m.namespaces(0).exact(), "a");
  EXPECT_EQ(m.not_namespaces(0).prefix(), "b");
  EXPECT_EQ(m.service_accounts(0).serviceaccount(), "sa");
  EXPECT_EQ(m.not_service_accounts(0).namespace_(), "ns2");
  EXPECT_EQ(m.principals(0).suffix(), "c");
  EXPECT_TRUE(m.not_principals(0).has_presence());
  EXPECT_EQ(m.source_ips(0).length(), 16U);
  EXPECT_EQ(m.not_source_ips(0).address().size(), 16U);
  EXPECT_EQ(m.destination_ips(0).length(), 32U);
  EXPECT_EQ(m.not_destination_ips(0).address(), std::string("\xC6\x13\x00\x02", 4));
  EXPECT_THAT(m.destination_ports(), ElementsAre(80, 443));
  EXPECT_THAT(m.not_destination_ports(), ElementsAre(8080));
}

TEST(Snapshot, VersionFollowsContent) {
  state::Update mesh;
  mesh.workloads = {full_workload()};
  const auto before = snapshot(mesh)->addresses->find("c1//Pod/shop/cart-0")->version;
  EXPECT_EQ(snapshot(mesh)->addresses->find("c1//Pod/shop/cart-0")->version, before);
  mesh.workloads[0].status = state::HealthStatus::healthy;
  EXPECT_NE(snapshot(mesh)->addresses->find("c1//Pod/shop/cart-0")->version, before);
}

TEST(Snapshot, RosterKnowsIdentitiesAndNodes) {
  state::Update mesh;
  mesh.workloads = {full_workload()};
  const auto made = snapshot(mesh);
  const auto identity = *Identity::parse("spiffe://td/ns/shop/sa/cart");
  EXPECT_TRUE(made->roster.on_node(identity, "node-a"));
  EXPECT_FALSE(made->roster.on_node(identity, "node-b"));
  EXPECT_FALSE(made->roster.holds(*Identity::parse("spiffe://td/ns/shop/sa/x")));
}

TEST(Snapshot, RefusesAmbiguity) {
  state::Update twice;
  twice.workloads = {full_workload(), full_workload()};
  EXPECT_THAT(make_snapshot(twice, "td").error().detail, HasSubstr("c1//Pod/shop/cart-0"));
  state::Update nameless;
  nameless.workloads.resize(1);
  EXPECT_THAT(make_snapshot(nameless, "td").error().detail, HasSubstr("neither uid nor name"));
}

}  // namespace
}  // namespace culvert::authority
