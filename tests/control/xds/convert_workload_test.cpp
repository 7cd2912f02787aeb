// Workloads on the wire to workloads of the state: what is taken over, what is refused and why.
#include "control/xds/convert.hpp"

#include "control/xds/convert_refusals.hpp"

#include "proto/workload.pb.h"

namespace culvert::control::test {
namespace {

namespace wire = istio::workload;
using ::testing::ElementsAre;

wire::Workload minimal_workload() {
  wire::Workload in;
  in.set_uid("c//Pod/ns/a");
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

wire::Workload full_workload() {
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
  return in;
}

TEST(ConvertWorkload, Everything) {
  const auto out = to_workload(full_workload());
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
  expect_refusals(minimal_workload(), cases, to_workload);
}

}  // namespace
}  // namespace culvert::control::test
