// The rules as text and as state of a namespace: complete, repeatable, removable, and gone again
// when a step fails.
#include "host/redirection.hpp"

#include "host/nft.hpp"
#include "host/sandbox.hpp"

#include <gmock/gmock.h>

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Everything that the redirection may touch, as text; counters left out.
std::string configuration(const Sandbox& box) {
  return box.run(
      "nft -s list ruleset; ip rule; ip -6 rule; ip route show table 100 2>/dev/null || true; ip "
      "-6 route show table 100 2>/dev/null || true");
}

constexpr RedirectState kComplete{.mangle_table = true,
                                  .nat_table = true,
                                  .raw_table = false,
                                  .rule_v4 = true,
                                  .route_v4 = true,
                                  .rule_v6 = true,
                                  .route_v6 = true};

TEST(RedirectionRuleset, LeavesDnsAloneUnlessAsked) {
  EXPECT_THAT(redirection_ruleset({}), Not(HasSubstr("15053")));
  EXPECT_THAT(redirection_ruleset({.dns = true}),
              HasSubstr("udp dport 53 counter redirect to :15053"));
}

TEST(RedirectionRuleset, HasNoSixWithoutIpv6) {
  EXPECT_THAT(redirection_ruleset({.ipv6 = false, .dns = true}), Not(HasSubstr("ip6")));
}

TEST(RedirectionRuleset, CapturesNothingInboundForAnIngress) {
  const auto text = redirection_ruleset({.ingress = true});
  EXPECT_THAT(text, Not(HasSubstr("15006")));
  EXPECT_THAT(text, HasSubstr("15001"));
}

TEST(RedirectionRuleset, TreatsVirtualInterfacesAsOutbound) {
  EXPECT_THAT(redirection_ruleset({.virtual_interfaces = {"tap0"}}),
              HasSubstr("iifname \"tap0\" meta l4proto tcp counter redirect to :15001"));
}

TEST(NftError, SaysWhatToGrantOrLoad) {
  EXPECT_EQ(nft_error("Error: Could not process rule: Operation not permitted\nadd ...").code,
            Errc::permission);
  const auto missing = nft_error("Error: Could not process rule: No such file or directory\n^^^");
  EXPECT_EQ(missing.code, Errc::unsupported);
  EXPECT_THAT(missing.detail, HasSubstr("modprobe"));
  EXPECT_THAT(missing.detail, Not(HasSubstr("\n")));
  EXPECT_EQ(nft_error("").code, Errc::io);
}

class Redirection : public AsRoot {};

TEST_F(Redirection, InstallsEverythingAndRemovesEverything) {
  const Sandbox box;
  const auto before = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  EXPECT_EQ(inspect_redirection(box.fd()).value(), kComplete);
  EXPECT_THAT(box.run("ip rule"), HasSubstr("32764:\tfrom all fwmark 0x111/0xfff lookup 100"));
  EXPECT_THAT(box.run("ip -6 rule"), HasSubstr("32764:\tfrom all fwmark 0x111/0xfff lookup 100"));
  EXPECT_THAT(box.run("ip route show table 100"), HasSubstr("local default dev lo"));
  EXPECT_THAT(box.run("ip -6 route show table 100"), HasSubstr("local default dev lo"));
  ASSERT_TRUE(remove_redirection(box.fd()));
  EXPECT_EQ(configuration(box), before);
  EXPECT_FALSE(inspect_redirection(box.fd())->anything());
}

TEST_F(Redirection, IsTheSameAfterTwoInstallsAsAfterOne) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  const auto once = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  EXPECT_EQ(configuration(box), once);
}

TEST_F(Redirection, FollowsChangedOptions) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  const auto plain = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {.dns = true}));
  EXPECT_TRUE(inspect_redirection(box.fd())->raw_table);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  EXPECT_EQ(configuration(box), plain);
}

TEST_F(Redirection, LeavesNoSixBehindWhenItIsSwitchedOff) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {.ipv6 = false}));
  const auto four = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  ASSERT_TRUE(install_redirection(box.fd(), {.ipv6 = false}));
  EXPECT_EQ(configuration(box), four);
}

TEST_F(Redirection, RemovalOfNothingIsFine) {
  const Sandbox box;
  const auto before = configuration(box);
  EXPECT_TRUE(remove_redirection(box.fd()));
  EXPECT_EQ(configuration(box), before);
}

TEST_F(Redirection, LeavesForeignRulesAlone) {
  const Sandbox box;
  box.run(
      "nft 'add table inet mine; add chain inet mine out { type nat hook output priority -90; }; "
      "add rule inet mine out tcp dport 9 counter redirect to :10' && nft add table ip mangle && "
      "ip rule add fwmark 0x7 lookup 100 priority 500 && "
      "ip route add 198.18.9.0/24 dev lo table 100");
  const auto before = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  EXPECT_THAT(configuration(box), HasSubstr("redirect to :10"));
  ASSERT_TRUE(remove_redirection(box.fd()));
  EXPECT_EQ(configuration(box), before);
}

TEST_F(Redirection, RefusesToReplaceAForeignDefaultRoute) {
  const Sandbox box;
  box.run(
      "ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip route "
      "add default dev d0 table 100");
  const auto before = configuration(box);
  const auto installed = install_redirection(box.fd(), {});
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, Errc::invalid);
  EXPECT_THAT(installed.error().detail, HasSubstr("table 100"));
  EXPECT_EQ(configuration(box), before);
}

TEST_F(Redirection, RemovesItsRouteFromBesideAForeignOne) {
  const Sandbox box;
  box.run("ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up");
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  // Theirs comes first in the kernel's answer: by metric in IPv4, by age in IPv6.
  box.run("ip route add default dev d0 table 100 metric 5");
  box.run("ip -6 route add default dev d0 table 100 metric 5");
  EXPECT_EQ(inspect_redirection(box.fd()).value(), kComplete);
  EXPECT_TRUE(install_redirection(box.fd(), {}));  // ours is in place already
  ASSERT_TRUE(remove_redirection(box.fd()));
  EXPECT_FALSE(inspect_redirection(box.fd())->anything());
  for (const auto* family : {"-4", "-6"}) {
    const auto left = box.run(std::string("ip ") + family + " route show table 100");
    EXPECT_THAT(left, HasSubstr("dev d0"));
    EXPECT_THAT(left, Not(HasSubstr("dev lo")));
  }
}

TEST_F(Redirection, RemovesTheRuleOfIpv6ThatIsOffByNow) {
  const Sandbox box;
  const auto before = configuration(box);
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  box.run("echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
  EXPECT_TRUE(inspect_redirection(box.fd())->rule_v6);
  ASSERT_TRUE(remove_redirection(box.fd()));
  EXPECT_FALSE(inspect_redirection(box.fd())->anything());
  EXPECT_EQ(configuration(box), before);
}

TEST_F(Redirection, CanBeCheckedWithoutTouchingAnything) {
  const Sandbox box;
  EXPECT_TRUE(run_in_netns(box.fd(), [] { return check_redirection(); }));
  EXPECT_FALSE(inspect_redirection(box.fd())->anything());
}

TEST_F(Redirection, WantsLoopbackUp) {
  const Sandbox box(false);
  const auto installed = install_redirection(box.fd(), {});
  ASSERT_FALSE(installed);
  EXPECT_THAT(installed.error().detail, HasSubstr("lo is down"));
}

// Else its IPv6 would pass around the mesh as soon as another interface has it.
TEST_F(Redirection, CatchesIpv6AlsoWhereLoopbackHasNone) {
  const Sandbox box;
  box.run("echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  const auto state = inspect_redirection(box.fd());
  EXPECT_TRUE(state->route_v4);
  EXPECT_FALSE(state->route_v6);
  EXPECT_THAT(box.run("nft list ruleset"), HasSubstr("ip6 daddr"));
}

TEST_F(Redirection, RefusesNamesThatAreNoInterface) {
  const Sandbox box;
  const auto installed =
      install_redirection(box.fd(), {.virtual_interfaces = {"x\"; flush ruleset; #"}});
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, Errc::invalid);
}

// Fails step n for n = 0, 1, 2, ... until the installation goes through: each time the namespace
// is as before.
void sweep(const Sandbox& box, const RedirectOptions& options) {
  const auto before = configuration(box);
  for (std::size_t n = 0;; ++n) {
    std::size_t total = 0;
    const auto ran = run_in_netns(box.fd(), [&]() -> Result<void> {
      const auto routing = PolicyRouting::open();
      auto steps = install_steps(*routing, options);
      total = steps.size();
      if (n < total) steps[n].apply = []() -> Result<bool> { return fail(Errc::io, "injected"); };
      return run_steps(steps);
    });
    if (n == total) {
      EXPECT_TRUE(ran);
      return;
    }
    ASSERT_FALSE(ran);
    EXPECT_EQ(ran.error().detail, "injected");
    EXPECT_EQ(configuration(box), before) << "step " << n;
  }
}

TEST_F(Redirection, IsTakenBackWhenAnyStepFails) {
  const Sandbox box;
  sweep(box, {});
}

TEST_F(Redirection, StaysAsItWasWhenAReinstallFails) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  sweep(box, {});
}

TEST_F(Redirection, StaysAsItWasWhenSwitchingSixOffFails) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  sweep(box, {.ipv6 = false});
}

TEST_F(Redirection, ReinstallingTakesAwayWhatIpv6LeftBehind) {
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  box.run("echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
  sweep(box, {});
  EXPECT_THAT(box.run("ip -6 rule"), Not(HasSubstr("fwmark")));
}

TEST_F(Redirection, CallerStaysInItsNamespace) {
  const auto before = Netns::current()->id();
  const Sandbox box;
  ASSERT_TRUE(install_redirection(box.fd(), {}));
  EXPECT_EQ(Netns::current()->id(), before);
}

TEST(Steps, NamesUndoThatFails) {
  const std::vector<Step> steps{
      {"one", []() -> Result<bool> { return true; },
       []() -> Result<void> { return fail(Errc::io, "stuck"); }},
      {"two", []() -> Result<bool> { return fail(Errc::io, "broken"); }, nullptr}};
  const auto ran = run_steps(steps);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().detail, "broken; undoing \"one\" failed too: stuck");
}

}  // namespace
}  // namespace culvert::host::testing
