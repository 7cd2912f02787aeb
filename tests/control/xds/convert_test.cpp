// Wire messages to state values: what is taken over, what is refused and why.
#include "control/xds/convert.hpp"

#include "culvert/state/authorize.hpp"

#include "proto/authorization.pb.h"
#include "proto/workload.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace culvert::control {
namespace {

namespace wire = istio::workload;
namespace security = istio::security;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kV4("\xc6\x12\x00\x01", 4);  // 198.18.0.1
const std::string kV6("\x20\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

wire::Workload minimal_workload() {
  wire::Workload in;
  in.set_uid("c//Pod/ns/a");
  return in;
}
wire::Service minimal_service() {
  wire::Service in;
  in.set_namespace_("ns");
  in.set_hostname("a.ns.svc");
  return in;
}

TEST(ConvertWorkload, Defaults) {
  const auto out = to_workload(minimal_workload());
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->trust_domain, "cluster.local");
  EXPECT_EQ(out->service_account, "default");
  EXPECT_EQ(out->cluster_id, "Kubernetes");
  EXPECT_EQ(out->capacity, 1U);
  EXPECT_EQ(out->protocol, state::Protocol::tcp);
  EXPECT_FALSE(out->waypoint.has_value());
  EXPECT_FALSE(out->application_tunnel.has_value());
}

TEST(ConvertWorkload, Everything) {
  auto in = minimal_workload();
  in.set_name("a");
  in.set_namespace_("ns");
  in.add_addresses(kV4);
  in.add_addresses(kV6);
  in.set_network("n1");
  in.set_tunnel_protocol(wire::HBONE);
  in.set_trust_domain("td");
  in.set_service_account("sa");
  in.set_node("node1");
  in.set_workload_type(wire::JOB);
  in.set_native_tunnel(true);
  in.set_status(wire::UNHEALTHY);
  in.set_network_mode(wire::HOST_NETWORK);
  in.mutable_capacity()->set_value(0);
  in.mutable_locality()->set_zone("z");
  in.add_authorization_policies("ns/p");
  in.mutable_waypoint()->mutable_address()->set_address(kV4);
  in.mutable_waypoint()->set_hbone_mtls_port(15008);
  in.mutable_network_gateway()->mutable_hostname()->set_namespace_("gw");
  in.mutable_network_gateway()->mutable_hostname()->set_hostname("gw.example");
  in.mutable_application_tunnel()->set_protocol(wire::ApplicationTunnel::PROXY);
  in.mutable_application_tunnel()->set_port(9000);
  auto* port = (*in.mutable_services())["ns/b.ns.svc"].add_ports();
  port->set_service_port(80);
  port->set_target_port(8080);
  (*in.mutable_services())["ns/a.ns.svc"];
  const auto out = to_workload(in);
  ASSERT_TRUE(out.has_value());
  EXPECT_THAT(out->addresses,
              ElementsAre(IpAddress::v4(198, 18, 0, 1), IpAddress::parse("2001:2::1").value()));
  EXPECT_EQ(out->identity().uri(), "spiffe://td/ns/ns/sa/sa");
  EXPECT_EQ(out->protocol, state::Protocol::hbone);
  EXPECT_EQ(out->workload_type, state::WorkloadType::job);
  EXPECT_EQ(out->status, state::HealthStatus::unhealthy);
  EXPECT_EQ(out->network_mode, state::NetworkMode::host_network);
  EXPECT_TRUE(out->native_tunnel);
  EXPECT_EQ(out->capacity, 0U) << "said, so not the default";
  EXPECT_EQ(out->locality.zone, "z");
  EXPECT_THAT(out->authorization_policies, ElementsAre(Name("ns/p")));
  EXPECT_EQ(out->waypoint->to_string(), "/198.18.0.1:15008");
  EXPECT_EQ(out->network_gateway->to_string(), "gw/gw.example:0");
  EXPECT_EQ(out->application_tunnel->protocol, state::ApplicationTunnel::Protocol::proxy);
  EXPECT_EQ(out->application_tunnel->port, 9000);
  ASSERT_EQ(out->services.size(), 2U);
  EXPECT_EQ(out->services[0].service.hostname, "a.ns.svc") << "in a fixed order";
  EXPECT_EQ(out->services[1].ports.find(80), 8080);
}

TEST(ConvertWorkload, UnknownTypeIsOnlyTelemetry) {
  auto in = minimal_workload();
  in.set_workload_type(static_cast<wire::WorkloadType>(99));
  EXPECT_EQ(to_workload(in)->workload_type, state::WorkloadType::deployment);
}

template <class Message>
struct Refusal {
  const char* field;
  std::function<void(Message&)> spoil;
};

TEST(ConvertWorkload, RefusesWhatItDoesNotUnderstand) {
  const std::vector<Refusal<wire::Workload>> cases{
      {"uid", [](auto& w) { w.clear_uid(); }},
      {"addresses", [](auto& w) { w.add_addresses("abc"); }},
      {"addresses", [](auto& w) { w.add_addresses(""); }},
      {"tunnel_protocol", [](auto& w) { w.set_tunnel_protocol(wire::LEGACY_ISTIO_MTLS); }},
      {"tunnel_protocol",
       [](auto& w) { w.set_tunnel_protocol(static_cast<wire::TunnelProtocol>(7)); }},
      {"status", [](auto& w) { w.set_status(static_cast<wire::WorkloadStatus>(7)); }},
      {"network_mode", [](auto& w) { w.set_network_mode(static_cast<wire::NetworkMode>(7)); }},
      {"waypoint", [](auto& w) { w.mutable_waypoint(); }},
      {"waypoint",
       [](auto& w) {
         w.mutable_waypoint()->mutable_address()->set_address(kV4);
         w.mutable_waypoint()->set_hbone_mtls_port(65536);
       }},
      {"network_gateway", [](auto& w) { w.mutable_network_gateway()->mutable_address(); }},
      {"network_gateway", [](auto& w) { w.mutable_network_gateway()->mutable_hostname(); }},
      {"services", [](auto& w) { (*w.mutable_services())["no slash"]; }},
      {"services",
       [](auto& w) { (*w.mutable_services())["a/b"].add_ports()->set_target_port(70000); }},
      {"application_tunnel",
       [](auto& w) {
         w.mutable_application_tunnel()->set_protocol(
             static_cast<wire::ApplicationTunnel::Protocol>(7));
       }},
      {"application_tunnel", [](auto& w) { w.mutable_application_tunnel()->set_port(65536); }},
  };
  for (const auto& test : cases) {
    auto in = minimal_workload();
    test.spoil(in);
    const auto out = to_workload(in);
    ASSERT_TRUE(out.has_error()) << test.field;
    EXPECT_THAT(out.error().detail, ::testing::StartsWith(test.field));
  }
}

TEST(ConvertService, Everything) {
  auto in = minimal_service();
  in.set_name("a");
  auto* vip = in.add_addresses();
  vip->set_network("n1");
  vip->set_address(kV4);
  auto* range = in.add_addresses();
  range->set_address(kV4);
  range->set_length(24);
  auto* port = in.add_ports();
  port->set_service_port(80);
  in.add_subject_alt_names("spiffe://td/ns/n/sa/s");
  in.set_canonical(true);
  in.set_ip_families(wire::DUAL);
  in.set_visibility(wire::Service::NAMESPACE);
  in.mutable_load_balancing()->set_mode(wire::LoadBalancing::FAILOVER);
  in.mutable_load_balancing()->add_routing_preference(wire::LoadBalancing::NETWORK);
  in.mutable_load_balancing()->add_routing_preference(wire::LoadBalancing::REGION);
  in.mutable_load_balancing()->set_health_policy(wire::LoadBalancing::ALLOW_ALL);
  auto* weighted = in.add_weighted_waypoints();
  weighted->mutable_destination()->mutable_address()->set_address(kV4);
  weighted->set_weight(3);
  const auto out = to_service(in);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->key().to_string(), "ns/a.ns.svc");
  EXPECT_EQ(out->vips.at(0).to_string(), "n1/198.18.0.1");
  EXPECT_EQ(out->cidr_vips.at(0).prefix.to_string(), "198.18.0.0/24");
  EXPECT_EQ(out->ports.find(80), 0) << "a named port";
  EXPECT_EQ(out->ip_families, state::IpFamilies::dual);
  EXPECT_EQ(out->visibility, state::Visibility::namespace_);
  EXPECT_EQ(out->mode(), state::LoadBalancing::Mode::failover);
  EXPECT_TRUE(out->allows_unhealthy());
  EXPECT_THAT(out->load_balancing->routing_preference,
              ElementsAre(state::Scope::network, state::Scope::region));
  EXPECT_EQ(out->weighted_waypoints.at(0).weight, 3U);
  EXPECT_TRUE(out->canonical);
}

TEST(ConvertService, ARangeOfOneAddressIsAnExactAddress) {
  auto in = minimal_service();
  const auto add = [&](const std::string& address, std::uint32_t length) {
    in.add_addresses()->set_address(address);
    in.mutable_addresses()->rbegin()->set_length(length);
  };
  add(kV4, 32);
  add(kV6, 128);
  add(std::string(10, '\0') + "\xff\xff" + kV4, 128);
  add(kV4, 31);
  add(kV6, 127);
  const auto out = to_service(in);
  ASSERT_TRUE(out.has_value());
  ASSERT_EQ(out->vips.size(), 3U);
  EXPECT_EQ(out->vips[0].to_string(), "/198.18.0.1");
  EXPECT_EQ(out->vips[1].to_string(), "/2001:2::1");
  EXPECT_EQ(out->vips[2].to_string(), "/198.18.0.1");
  EXPECT_EQ(out->cidr_vips.size(), 2U);
}

// Among exact addresses a canonical service wins; a range would have lost to any exact address.
TEST(ConvertService, ARangeOfOneAddressCompetesWithExactAddresses) {
  state::Update update;
  auto exact = minimal_service();
  exact.add_addresses()->set_address(kV4);
  update.services.push_back(*to_service(exact));
  auto canonical = minimal_service();
  canonical.set_namespace_("other");
  canonical.set_canonical(true);
  canonical.add_addresses()->set_address(kV4);
  canonical.mutable_addresses(0)->set_length(32);
  update.services.push_back(*to_service(canonical));
  state::Store store(state::LocalNode{});
  store.apply(std::move(update));
  const auto found =
      store.view().find_service_by_vip({}, IpAddress::v4(198, 18, 0, 1), Name("client"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->namespace_, "other");
}

TEST(ConvertService, UnknownVisibilityIsPublic) {
  auto in = minimal_service();
  in.set_visibility(static_cast<wire::Service::Visibility>(7));
  EXPECT_EQ(to_service(in)->visibility, state::Visibility::public_);
}

TEST(ConvertService, RefusesWhatItDoesNotUnderstand) {
  const std::vector<Refusal<wire::Service>> cases{
      {"hostname", [](auto& s) { s.clear_hostname(); }},
      {"hostname", [](auto& s) { s.clear_namespace_(); }},
      {"addresses", [](auto& s) { s.add_addresses()->set_address("12345"); }},
      {"addresses",
       [](auto& s) {
         s.add_addresses()->set_address(kV4);
         s.mutable_addresses(0)->set_length(33);
       }},
      {"ports", [](auto& s) { s.add_ports()->set_service_port(65536); }},
      {"waypoint", [](auto& s) { s.mutable_waypoint(); }},
      {"weighted_waypoints", [](auto& s) { s.add_weighted_waypoints(); }},
      {"load_balancing",
       [](auto& s) {
         s.mutable_load_balancing()->add_routing_preference(wire::LoadBalancing::UNSPECIFIED_SCOPE);
       }},
      {"load_balancing",
       [](auto& s) {
         s.mutable_load_balancing()->set_mode(static_cast<wire::LoadBalancing::Mode>(7));
       }},
      {"ip_families", [](auto& s) { s.set_ip_families(static_cast<wire::IPFamilies>(7)); }},
  };
  for (const auto& test : cases) {
    auto in = minimal_service();
    test.spoil(in);
    const auto out = to_service(in);
    ASSERT_TRUE(out.has_error()) << test.field;
    EXPECT_THAT(out.error().detail, ::testing::StartsWith(test.field));
  }
}

security::Match& only_match(security::Authorization& in) {
  return *in.add_rules()->add_clauses()->add_matches();
}

TEST(ConvertPolicy, Everything) {
  security::Authorization in;
  in.set_name("p");
  in.set_namespace_("ns");
  in.set_scope(security::WORKLOAD_SELECTOR);
  in.set_action(security::DENY);
  in.set_dry_run(true);
  auto& match = only_match(in);
  match.add_principals()->set_exact("td/ns/a/sa/b");
  match.add_not_principals()->mutable_presence();
  match.add_namespaces()->set_prefix("team-");
  match.add_not_namespaces()->set_suffix("-x");
  auto* block = match.add_source_ips();
  block->set_address(kV4);
  block->set_length(16);
  match.add_destination_ports(80);
  auto* account = match.add_service_accounts();
  account->set_namespace_("a");
  account->set_serviceaccount("b");
  const auto out = to_policy("ns/p", in);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->resource_name, "ns/p");
  EXPECT_EQ(out->scope, state::Policy::Scope::workload_selector);
  EXPECT_EQ(out->action, state::Policy::Action::deny);
  EXPECT_TRUE(out->dry_run);
  using Kind = state::StringMatch::Kind;
  const auto& converted = out->rules.at(0).clauses.at(0).matches.at(0);
  EXPECT_EQ(converted.principals.at(0), (state::StringMatch{Kind::exact, "td/ns/a/sa/b"}));
  EXPECT_EQ(converted.not_principals.at(0).kind, Kind::presence);
  EXPECT_EQ(converted.namespaces.at(0), (state::StringMatch{Kind::prefix, "team-"}));
  EXPECT_EQ(converted.not_namespaces.at(0), (state::StringMatch{Kind::suffix, "-x"}));
  EXPECT_EQ(converted.source_ips.at(0).to_string(), "198.18.0.0/16");
  EXPECT_THAT(converted.destination_ports, ElementsAre(80));
  EXPECT_EQ(converted.service_accounts.at(0).service_account, "b");
}

TEST(ConvertPolicy, MappedBlocksAreTheIpv4BlocksTheyMean) {
  security::Authorization in;
  auto* block = only_match(in).add_source_ips();
  block->set_address(std::string(10, '\0') + "\xff\xff" + kV4);
  block->set_length(120);
  const auto out = to_policy("p", in);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->rules[0].clauses[0].matches[0].source_ips[0].to_string(), "198.18.0.0/24");
  block->set_length(64);
  EXPECT_TRUE(to_policy("p", in).has_error());
}

TEST(ConvertPolicy, RefusesWhatWouldChangeItsMeaningIfDropped) {
  const std::vector<Refusal<security::Authorization>> cases{
      {"scope", [](auto& p) { p.set_scope(static_cast<security::Scope>(7)); }},
      {"action", [](auto& p) { p.set_action(static_cast<security::Action>(7)); }},
      {"source_ips", [](auto& p) { only_match(p).add_source_ips()->set_address("abc"); }},
      {"not_destination_ips",
       [](auto& p) {
         auto* block = only_match(p).add_not_destination_ips();
         block->set_address(kV6);
         block->set_length(129);
       }},
      {"principals", [](auto& p) { only_match(p).add_principals(); }},
      {"not_namespaces", [](auto& p) { only_match(p).add_not_namespaces(); }},
      {"destination_ports", [](auto& p) { only_match(p).add_destination_ports(65536); }},
      {"not_destination_ports", [](auto& p) { only_match(p).add_not_destination_ports(70000); }},
  };
  for (const auto& test : cases) {
    security::Authorization in;
    test.spoil(in);
    const auto out = to_policy("ns/p", in);
    ASSERT_TRUE(out.has_error()) << test.field;
    EXPECT_THAT(out.error().detail, ::testing::StartsWith(test.field));
  }
  EXPECT_TRUE(to_policy("", {}).has_error());
}

TEST(ConvertPolicy, AStandInFailsClosed) {
  security::Authorization in;
  in.set_name("p");
  in.set_namespace_("ns");
  in.set_scope(security::WORKLOAD_SELECTOR);
  only_match(in).add_destination_ports(70000);
  const state::ConnectionFacts anybody{};
  const auto allow = to_stand_in("ns/p", in);
  ASSERT_TRUE(allow);
  EXPECT_EQ(allow->resource_name, "ns/p");
  EXPECT_EQ(allow->name, "p");
  EXPECT_EQ(allow->namespace_, "ns");
  EXPECT_EQ(allow->scope, state::Policy::Scope::workload_selector);
  EXPECT_EQ(allow->action, state::Policy::Action::allow);
  EXPECT_FALSE(state::matches(*allow, anybody));
  in.set_action(security::DENY);
  const auto deny = to_stand_in("ns/p", in);
  ASSERT_TRUE(deny);
  EXPECT_EQ(deny->action, state::Policy::Action::deny);
  EXPECT_TRUE(state::matches(*deny, anybody));
  EXPECT_FALSE(to_stand_in("", in)) << "no name";
  in.set_dry_run(true);
  EXPECT_FALSE(to_stand_in("ns/p", in)) << "not enforced";
  in.set_dry_run(false);
  in.set_action(static_cast<security::Action>(7));
  EXPECT_FALSE(to_stand_in("ns/p", in)) << "to do what?";
}

}  // namespace
}  // namespace culvert::control
