#include "culvert/state/authorize.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

namespace culvert::state {
namespace {

using test::at;
using test::Mesh;
using test::pod;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Action = Policy::Action;
using Kind = StringMatch::Kind;
using PolicyScope = Policy::Scope;

ConnectionFacts facts_of(std::string_view identity) {
  ConnectionFacts facts{at("10.0.0.1:40000"), std::nullopt, at("10.0.0.2:8080")};
  if (!identity.empty()) facts.identity = Identity::parse(identity).value();
  return facts;
}
constexpr std::string_view kFront = "spiffe://td/ns/shop/sa/front";
constexpr std::string_view kPlain;

Policy policy(std::string_view name, Action action, std::vector<Rule> rules,
              PolicyScope scope = PolicyScope::namespace_) {
  Policy p;
  p.name = Name(name);
  p.namespace_ = Name("shop");
  p.resource_name = Name("shop/" + std::string(name));
  p.action = action;
  p.scope = scope;
  p.rules = std::move(rules);
  return p;
}
Rule rule(Match match) { return Rule{{Clause{{std::move(match)}}}}; }
// True for every connection, and for none.
Rule always() { return Rule{}; }
Match on_port(std::uint16_t port) {
  Match m;
  m.destination_ports = {port};
  return m;
}
Match from_front() {
  Match m;
  m.principals = {{Kind::exact, "td/ns/shop/sa/front"}};
  return m;
}

// One attribute against one connection.
TEST(Match, Attributes) {
  struct Case {
    const char* what;
    std::string_view identity;
    bool expected;
    std::function<void(Match&)> fill;
  };
  const auto prefix = [](std::string_view text) { return IpPrefix::parse(text).value(); };
  const Case cases[] = {
      {"empty match", kFront, false, [](Match&) {}},
      {"exact principal", kFront, true,
       [](Match& m) { m.principals = {{Kind::exact, "td/ns/shop/sa/front"}}; }},
      {"with scheme", kFront, false,
       [](Match& m) { m.principals = {{Kind::exact, "spiffe://td/ns/shop/sa/front"}}; }},
      {"longer exact", kFront, false,
       [](Match& m) { m.principals = {{Kind::exact, "td/ns/shop/sa/front2"}}; }},
      {"shorter exact", kFront, false,
       [](Match& m) { m.principals = {{Kind::exact, "td/ns/shop/sa/fron"}}; }},
      {"prefix", kFront, true, [](Match& m) { m.principals = {{Kind::prefix, "td/ns/sh"}}; }},
      {"prefix across all", kFront, true,
       [](Match& m) { m.principals = {{Kind::prefix, "td/ns/shop/sa/front"}}; }},
      {"wrong prefix", kFront, false, [](Match& m) { m.principals = {{Kind::prefix, "td/ns/x"}}; }},
      {"suffix", kFront, true, [](Match& m) { m.principals = {{Kind::suffix, "op/sa/front"}}; }},
      {"wrong suffix", kFront, false,
       [](Match& m) { m.principals = {{Kind::suffix, "/sa/fron"}}; }},
      {"presence", kFront, true, [](Match& m) { m.principals = {{Kind::presence, ""}}; }},
      {"presence without identity", kPlain, false,
       [](Match& m) { m.principals = {{Kind::presence, ""}}; }},
      {"empty prefix without identity", kPlain, false,
       [](Match& m) { m.principals = {{Kind::prefix, ""}}; }},
      {"strict: not present", kPlain, true,
       [](Match& m) { m.not_principals = {{Kind::presence, ""}}; }},
      {"strict: present", kFront, false,
       [](Match& m) { m.not_principals = {{Kind::presence, ""}}; }},
      {"one of several", kFront, true,
       [](Match& m) {
         m.principals = {{Kind::exact, "x"}, {Kind::suffix, "front"}, {Kind::exact, "y"}};
       }},
      {"negative list", kFront, false,
       [](Match& m) { m.not_principals = {{Kind::exact, "x"}, {Kind::suffix, "front"}}; }},
      {"namespace", kFront, true, [](Match& m) { m.namespaces = {{Kind::exact, "shop"}}; }},
      {"other namespace", kFront, false, [](Match& m) { m.namespaces = {{Kind::exact, "sho"}}; }},
      {"namespace prefix", kFront, true, [](Match& m) { m.namespaces = {{Kind::prefix, "sh"}}; }},
      {"namespace, plaintext", kPlain, false,
       [](Match& m) { m.namespaces = {{Kind::presence, ""}}; }},
      {"not namespace, plaintext", kPlain, true,
       [](Match& m) { m.not_namespaces = {{Kind::exact, "shop"}}; }},
      {"account", kFront, true,
       [](Match& m) { m.service_accounts = {{Name("shop"), Name("front")}}; }},
      {"account of another namespace", kFront, false,
       [](Match& m) { m.service_accounts = {{Name("x"), Name("front")}}; }},
      {"account, plaintext", kPlain, false,
       [](Match& m) { m.service_accounts = {{Name(), Name()}}; }},
      {"not account", kFront, false,
       [](Match& m) { m.not_service_accounts = {{Name("shop"), Name("front")}}; }},
      {"not account, plaintext", kPlain, true,
       [](Match& m) { m.not_service_accounts = {{Name("shop"), Name("front")}}; }},
      {"source", kPlain, true, [&](Match& m) { m.source_ips = {prefix("10.0.0.0/24")}; }},
      {"other source", kPlain, false, [&](Match& m) { m.source_ips = {prefix("10.0.1.0/24")}; }},
      {"families never match", kPlain, false, [&](Match& m) { m.source_ips = {prefix("::/0")}; }},
      {"not source", kPlain, false, [&](Match& m) { m.not_source_ips = {prefix("0.0.0.0/0")}; }},
      {"destination", kPlain, true, [&](Match& m) { m.destination_ips = {prefix("10.0.0.2")}; }},
      {"not destination", kPlain, false,
       [&](Match& m) { m.not_destination_ips = {prefix("10.0.0.2/32")}; }},
      {"port", kPlain, true, [](Match& m) { m.destination_ports = {80, 8080}; }},
      {"other port", kPlain, false, [](Match& m) { m.destination_ports = {80}; }},
      {"not port", kPlain, false, [](Match& m) { m.not_destination_ports = {8080}; }},
      {"attributes are AND", kFront, false,
       [](Match& m) {
         m.namespaces = {{Kind::exact, "shop"}};
         m.destination_ports = {80};
       }},
      {"positive and negative", kFront, true,
       [](Match& m) {
         m.namespaces = {{Kind::exact, "shop"}};
         m.not_destination_ports = {80};
       }},
  };
  for (const Case& c : cases) {
    Match match;
    c.fill(match);
    const Policy p = policy("p", Action::allow, {rule(match)});
    EXPECT_EQ(matches(p, facts_of(c.identity)), c.expected) << c.what;
  }
}

TEST(Match, Nesting) {
  const Match yes = on_port(8080);
  const Match no = on_port(1);
  struct Case {
    std::vector<Rule> rules;
    bool expected;
  };
  const Case cases[] = {
      {{}, false},
      {{Rule{}}, true},
      {{Rule{{Clause{}}}}, true},
      {{Rule{{Clause{{Match{}}}}}}, false},
      {{Rule{{Clause{{no, yes}}}}}, true},
      {{Rule{{Clause{{yes}}, Clause{{no}}}}}, false},
      {{Rule{{Clause{{yes}}, Clause{}}}}, true},
      {{rule(no), rule(yes)}, true},
      {{rule(no), rule(no)}, false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(matches(policy("p", Action::allow, c.rules), facts_of(kFront)), c.expected);
}

struct Authorize : testing::Test {
  Verdict ask(std::string_view identity = kFront) {
    return authorize(mesh.store.view(), destination, facts_of(identity));
  }
  Mesh mesh;
  Workload destination = pod("shop", "cart", {"10.0.0.2"});
};

TEST_F(Authorize, AllowsWithoutPolicies) {
  EXPECT_TRUE(ask().allowed);
  EXPECT_EQ(ask().basis, Verdict::Basis::no_allow_policies);
}

TEST_F(Authorize, DenyComesBeforeAllow) {
  mesh.add(policy("yes", Action::allow, {always()}));
  EXPECT_TRUE(ask().allowed);
  EXPECT_EQ(ask().reason(), "allowed by: shop/yes");
  mesh.add(policy("no", Action::deny, {rule(from_front())}));
  EXPECT_FALSE(ask().allowed);
  EXPECT_EQ(ask().reason(), "explicitly denied by: shop/no");
  EXPECT_TRUE(ask(kPlain).allowed);
}

TEST_F(Authorize, AllowPoliciesThatDoNotMatchRefuse) {
  mesh.add(policy("only", Action::allow, {rule(from_front())}));
  EXPECT_TRUE(ask().allowed);
  EXPECT_FALSE(ask(kPlain).allowed);
  EXPECT_EQ(ask(kPlain).reason(), "allow policies exist, but none allowed");
}

TEST_F(Authorize, PoliciesWithoutRules) {
  mesh.add(policy("d", Action::deny, {}));
  EXPECT_TRUE(ask().allowed);
  mesh.add(policy("a", Action::allow, {}));
  EXPECT_FALSE(ask().allowed);
}

TEST_F(Authorize, Scopes) {
  Policy p = policy("d", Action::deny, {always()}, PolicyScope::workload_selector);
  mesh.add(p);
  EXPECT_TRUE(ask().allowed);
  destination.authorization_policies = {Name("shop/d")};
  EXPECT_FALSE(ask().allowed);
  destination.authorization_policies.clear();
  p.namespace_ = Name("elsewhere");
  p.scope = PolicyScope::namespace_;
  mesh.add(p);
  EXPECT_TRUE(ask().allowed);
  p.scope = PolicyScope::global;
  mesh.add(p);
  EXPECT_FALSE(ask().allowed);
  destination.namespace_ = Name();
  EXPECT_FALSE(ask().allowed);
}

TEST_F(Authorize, DryRunIsReportedAndNotEnforced) {
  Policy deny = policy("d", Action::deny, {always()});
  deny.dry_run = true;
  Policy allow = policy("a", Action::allow, {always()});
  allow.dry_run = true;
  mesh.add(deny);
  mesh.add(allow);
  destination.authorization_policies = {Name("shop/d")};
  const Verdict verdict = ask();
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.basis, Verdict::Basis::no_allow_policies);
  EXPECT_THAT(verdict.dry_run, SizeIs(2)) << "each once, though listed and of the namespace";
  allow.rules = {rule(on_port(1))};
  mesh.add(allow);
  EXPECT_TRUE(ask().allowed) << "a dry-run ALLOW restricts nothing";
  EXPECT_THAT(ask().dry_run, SizeIs(1));
}

TEST_F(Authorize, ReportsListedPoliciesThatAreUnknown) {
  mesh.add(policy("known", Action::allow, {always()}, PolicyScope::workload_selector));
  destination.authorization_policies = {Name("shop/known"), Name("shop/lost")};
  const Verdict verdict = ask();
  EXPECT_TRUE(verdict.allowed);
  EXPECT_THAT(verdict.missing, ElementsAre(Name("shop/lost")));
  destination.authorization_policies = {Name("shop/known")};
  EXPECT_THAT(ask().missing, IsEmpty());
}

TEST_F(Authorize, StrictMutualTlsWithAPortException) {
  Match plain;
  plain.not_principals = {{Kind::presence, ""}};
  plain.not_destination_ports = {8080};
  mesh.add(policy("strict", Action::deny, {rule(plain)}));
  EXPECT_TRUE(ask(kPlain).allowed) << "port 8080 is the exception";
  auto other_port = facts_of(kPlain);
  other_port.destination.port = 8081;
  EXPECT_FALSE(authorize(mesh.store.view(), destination, other_port).allowed);
  other_port.identity = Identity::parse(kFront).value();
  EXPECT_TRUE(authorize(mesh.store.view(), destination, other_port).allowed);
}

}  // namespace
}  // namespace culvert::state
