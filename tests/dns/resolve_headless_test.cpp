// Headless services: their endpoints' addresses, and names of single endpoints.
#include "dns/mesh.hpp"

namespace culvert::dns {
namespace {

using state::test::in;
using state::test::pod;
using test::Asker;
using test::kForwarded;
using test::kNoRecords;
using test::kube;
using test::Texts;

class Headless : public ::testing::Test {
 protected:
  Headless() { a.mesh.add(web); }
  // A pod of the service "web".
  state::Workload member(std::string_view name, const std::vector<std::string_view>& addresses) {
    return in(pod("shop", name, addresses), test::key_of(web));
  }

  Asker a{"shop"};
  state::Service web = kube("shop", "web", {});
};

TEST_F(Headless, TheAddressesOfTheEndpoints) {
  EXPECT_EQ(a.ask("web"), kNoRecords) << "none yet; not for the resolvers";
  a.mesh.add(member("web-0", {"10.1.0.1", "10.1.0.7", "2001:2::1"}));
  a.mesh.add(member("web-1", {"10.1.0.2"}));
  EXPECT_EQ(a.ask("web"), (Texts{"10.1.0.1", "10.1.0.2"})) << "the first of each";
  EXPECT_EQ(a.ask("web.shop.svc.cluster.local", kTypeAaaa), Texts{"2001:2::1"});
}

TEST_F(Headless, UnhealthyEndpointsAreLeftOutUnlessAllowed) {
  state::Workload sick = member("web-0", {"10.1.0.1"});
  sick.status = state::HealthStatus::unhealthy;
  a.mesh.add(sick);
  EXPECT_EQ(a.ask("web"), kNoRecords);
  a.mesh.add(member("web-1", {"10.1.0.2"}));
  EXPECT_EQ(a.ask("web"), Texts{"10.1.0.2"});
  web.load_balancing.emplace();
  web.load_balancing->health_policy = state::LoadBalancing::HealthPolicy::allow_all;
  a.mesh.add(web);
  EXPECT_EQ(a.ask("web"), (Texts{"10.1.0.1", "10.1.0.2"}));
}

TEST_F(Headless, EndpointsOfOtherNetworksCannotBeReached) {
  state::Workload far = member("web-0", {"10.1.0.1"});
  far.network = Name("n2");
  a.mesh.add(far);
  a.mesh.add(member("web-1", {"10.1.0.2"}));
  EXPECT_EQ(a.ask("web"), Texts{"10.1.0.2"});
  EXPECT_EQ(a.ask("web-0.web"), kForwarded);
}

TEST_F(Headless, ASharedAddressIsGivenOnce) {
  state::Workload one = member("web-0", {"10.1.0.1"});
  one.network_mode = state::NetworkMode::host_network;
  state::Workload other = member("web-1", {"10.1.0.1"});
  other.network_mode = state::NetworkMode::host_network;
  a.mesh.add(one);
  a.mesh.add(other);
  EXPECT_EQ(a.ask("web"), Texts{"10.1.0.1"});
}

TEST_F(Headless, NamesOfSingleEndpoints) {
  a.mesh.add(member("web-0", {"10.1.0.1", "2001:2::1"}));
  a.mesh.add(member("web-1", {"10.1.0.2"}));
  for (const char* name :
       {"web-0.web", "web-0.web.shop", "web-0.web.shop.svc", "web-0.web.shop.svc.cluster.local",
        "WEB-0.web.shop.svc.Cluster.local"}) {
    EXPECT_EQ(a.ask(name), Texts{"10.1.0.1"}) << name;
    EXPECT_EQ(a.ask(name, kTypeAaaa), Texts{"2001:2::1"}) << name;
  }
  EXPECT_EQ(a.ask("web-1.web", kTypeAaaa), kNoRecords);
  EXPECT_EQ(a.ask("web-2.web"), kForwarded);
  EXPECT_EQ(a.ask("x.web-0.web.shop.svc.cluster.local"), kForwarded);
  EXPECT_EQ(a.ask("web-0.web.shop.svc.cluster.local.shop.svc.cluster.local"), Texts{"10.1.0.1"});
  EXPECT_EQ(a.alias("web-0.web.shop.svc.cluster.local.shop.svc.cluster.local"),
            "web-0.web.shop.svc.cluster.local");
}

TEST_F(Headless, NamesByAddress) {
  a.mesh.add(member("web-0", {"10.1.0.1", "2001:2::1"}));
  a.mesh.add(pod("shop", "stranger", {"10.1.0.5"}));
  EXPECT_EQ(a.ask("10-1-0-1.web.shop.svc.cluster.local"), Texts{"10.1.0.1"});
  EXPECT_EQ(a.ask("10-1-0-1.web", kTypeAaaa), kNoRecords) << "the name of one address";
  EXPECT_EQ(a.ask("2001-2--1.web", kTypeAaaa), Texts{"2001:2::1"});
  EXPECT_EQ(a.ask("2001-2-0-0-0-0-0-1.web", kTypeAaaa), Texts{"2001:2::1"});
  EXPECT_EQ(a.ask("10-1-0-5.web"), kForwarded) << "no endpoint of it";
  EXPECT_EQ(a.ask("10-1-0-256.web"), kForwarded);
  EXPECT_EQ(a.ask("10-1-0.web"), kForwarded);
}

TEST_F(Headless, UnhealthyEndpointsHaveNoNames) {
  state::Workload sick = member("web-0", {"10.1.0.1"});
  sick.status = state::HealthStatus::unhealthy;
  a.mesh.add(sick);
  EXPECT_EQ(a.ask("web-0.web"), kForwarded);
  EXPECT_EQ(a.ask("10-1-0-1.web"), kForwarded);
}

TEST_F(Headless, ServicesWithAVirtualAddressHaveNoNamesOfEndpoints) {
  const state::Service db = kube("shop", "db", {"10.96.0.2"});
  a.mesh.add(db);
  a.mesh.add(in(pod("shop", "db-0", {"10.1.0.3"}), test::key_of(db)));
  EXPECT_EQ(a.ask("db-0.db"), kForwarded);
}

TEST_F(Headless, AnEndpointsNameBeatsAWildcard) {
  a.mesh.add(member("web-0", {"10.1.0.1"}));
  a.mesh.add(state::test::service("ext", "*.svc.cluster.local", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("web-0.web.shop.svc.cluster.local"), Texts{"10.1.0.1"});
  EXPECT_EQ(a.ask("web-9.web.shop.svc.cluster.local"), Texts{"240.240.0.1"});
}

}  // namespace
}  // namespace culvert::dns
