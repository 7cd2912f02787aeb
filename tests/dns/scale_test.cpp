// A mesh of many services and a service of many endpoints.
#include "dns/mesh.hpp"

#include <set>

namespace culvert::dns {
namespace {

using state::test::in;
using state::test::pod;
using test::Asker;
using test::kForwarded;
using test::kube;
using test::Texts;

constexpr std::size_t kEndpoints = 20000;

IpAddress address(std::size_t i) {
  return IpAddress::v4(10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                       static_cast<std::uint8_t>(i));
}

// A headless service "big" of many pods "big-<i>"; every third of them is sick.
void add_big_service(Asker& a) {
  const state::Service big = kube("shop", "big", {});
  a.mesh.add(big);
  state::Update update;
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    state::Workload w = in(pod("shop", "big-" + std::to_string(i), {}), test::key_of(big));
    w.uid = Name("Kubernetes//Pod/shop/big-" + std::to_string(i));
    w.addresses.push_back(address(i));
    if (i % 3 == 0) w.status = state::HealthStatus::unhealthy;
    update.workloads.push_back(std::move(w));
  }
  a.mesh.store.apply(std::move(update));
}

TEST(DnsScale, OnlyWhatFitsIsTakenOfAManyHeadedService) {
  Asker a("shop");
  add_big_service(a);
  std::set<IpAddress> seen;
  for (int i = 0; i < 50; ++i) {
    const Resolution result = a.resolve("big");
    EXPECT_EQ(result.records.addresses.size(), 31u) << "30 fit, and one says that there are more";
    for (const IpAddress& ip : result.records.addresses)
      EXPECT_NE((ip.bytes()[2] * 256 + ip.bytes()[3]) % 3, 0);
    seen.insert(result.records.addresses.begin(), result.records.addresses.end());
    const Message wire = write_answer(a.query, result.records, Transport::udp);
    EXPECT_LE(wire.size(), 512u);
    EXPECT_TRUE(ldns_pkt_tc(test::parse(wire).get()));
  }
  EXPECT_GT(seen.size(), 1000u) << "always the same ones";
  const Resolution tcp = a.resolve("big", kTypeA, Transport::tcp);
  EXPECT_EQ(tcp.records.addresses.size(), addresses_that_fit(a.query, Transport::tcp));
  const std::set<IpAddress> distinct(tcp.records.addresses.begin(), tcp.records.addresses.end());
  EXPECT_EQ(distinct.size(), tcp.records.addresses.size());
  const Message wire = write_answer(a.query, tcp.records, Transport::tcp);
  EXPECT_FALSE(ldns_pkt_tc(test::parse(wire).get()));
}

TEST(DnsScale, FewHealthyOnesAreFoundAmongMany) {
  Asker a("shop");
  add_big_service(a);
  a.payload = 65535;
  state::Update update;
  for (std::size_t i = 0; i < kEndpoints - 5; ++i)
    update.removed_addresses.push_back("Kubernetes//Pod/shop/big-" + std::to_string(i));
  a.mesh.store.apply(std::move(update));
  EXPECT_EQ(a.resolve("big").records.addresses.size(), 3u);
}

TEST(DnsScale, NamesOfEndpointsOfAManyHeadedService) {
  Asker a("shop");
  add_big_service(a);
  EXPECT_EQ(a.ask("big-1000.big"), Texts{address(1000).to_string()});
  EXPECT_EQ(a.ask("big-1002.big"), kForwarded) << "sick";
  EXPECT_EQ(a.ask("10-0-3-232.big"), Texts{"10.0.3.232"});
  EXPECT_EQ(a.ask("big-20000.big"), kForwarded);
}

TEST(DnsScale, LookUpsInternNothing) {
  Asker a("shop");
  for (int i = 0; i < 2000; ++i)
    a.mesh.add(kube("ns" + std::to_string(i % 50), "s" + std::to_string(i), {"10.96.0.1"}));
  EXPECT_EQ(a.ask("s7.ns7"), Texts{"10.96.0.1"});
  EXPECT_EQ(a.ask("stranger.example.com"), kForwarded);
  EXPECT_TRUE(Name::find("stranger.example.com").empty());
  EXPECT_TRUE(Name::find("*.example.com").empty());
}

}  // namespace
}  // namespace culvert::dns
