// Services on the wire to services of the state: what is taken over, what is refused and why.
#include "control/xds/convert.hpp"

#include "control/xds/convert_refusals.hpp"
#include "culvert/state/store.hpp"

#include "proto/workload.pb.h"

namespace culvert::control::test {
namespace {

namespace wire = istio::workload;
using ::testing::ElementsAre;

wire::Service minimal_service() {
  wire::Service in;
  in.set_namespace_("ns");
  in.set_hostname("a.ns.svc");
  return in;
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
  expect_refusals(minimal_service(), cases, to_service);
}

}  // namespace
}  // namespace culvert::control::test
