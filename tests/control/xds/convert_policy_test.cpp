// Policies on the wire to policies of the state: what is taken over, what is refused and why, and
// what stands in for that.
#include "control/xds/convert.hpp"

#include "control/xds/convert_refusals.hpp"
#include "culvert/state/authorize.hpp"

#include "proto/authorization.pb.h"

namespace culvert::control::test {
namespace {

namespace security = istio::security;
using ::testing::ElementsAre;

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
  expect_refusals(security::Authorization(), cases,
                  [](const auto& in) { return to_policy("ns/p", in); });
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
}  // namespace culvert::control::test
