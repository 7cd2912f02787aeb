// Which connections of a pod are authorized anew, and how many at a time.
#include "proxy/pod_proxy.hpp"

#include <gtest/gtest.h>

#include "culvert/metrics/catalog.hpp"
#include "support/test_ca.hpp"

namespace culvert::proxy {
namespace {

const SocketAddress kPeer{IpAddress::v4(198, 18, 0, 1), 40000};
const SocketAddress kApplication{IpAddress::v4(198, 18, 0, 2), 8080};

// A connection that only counts its end.
class FakeConnection final : public Connection {
 public:
  FakeConnection(PodProxy& pod, int& cuts) : Connection(facts_of(pod), TimePoint()), cuts_(cuts) {
    pod.add_connection(*this);
  }
  void cut(Error) override { ++cuts_; }

 private:
  static Facts facts_of(const PodProxy& pod) {
    Facts facts;
    facts.reporter = metrics::Reporter::destination;
    facts.source = kPeer;
    facts.endpoint = kApplication;
    facts.destination_workload = pod.workload();
    return facts;
  }
  int& cuts_;
};

class PodProxyTest : public ::testing::Test {
 protected:
  PodProxyTest() {
    apply(workload("cart"));
    pod_.on_state_change(true, true);
  }

  static state::Workload workload(std::string_view name) {
    state::Workload made;
    made.uid = Name("c//Pod/shop/" + std::string(name));
    made.name = Name(name);
    made.namespace_ = Name("shop");
    made.service_account = Name(name);
    return made;
  }
  void apply(state::Workload one) {
    state::Update update;
    update.workloads.push_back(std::move(one));
    store_.apply(std::move(update));
  }
  // Denies everything in the pod's namespace from now on.
  void deny() {
    state::Policy policy;
    policy.name = Name("deny");
    policy.namespace_ = Name("shop");
    policy.resource_name = Name("shop/deny");
    policy.scope = state::Policy::Scope::namespace_;
    policy.action = state::Policy::Action::deny;
    policy.rules = {state::Rule{}};
    state::Update update;
    update.policies.push_back(std::move(policy));
    store_.apply(std::move(update));
  }
  void open(int connections) {
    for (int i = 0; i < connections; ++i) {
      open_.push_back(std::make_unique<FakeConnection>(pod_, cuts_));
    }
  }

  net::Worker worker_{0};
  testing::TestCa ca_;
  testing::FakeCertificateSource source_{ca_};
  metrics::Catalog catalog_{"test"};
  state::Store store_{state::LocalNode{}};
  const Settings settings_;
  hbone::Context context_{worker_, hbone::TunnelSettings{}, source_};
  Environment environment_{context_,
                           store_,
                           catalog_.traffic(),
                           {&catalog_.sockets_open(metrics::Reporter::source),
                            &catalog_.sockets_open(metrics::Reporter::destination)},
                           settings_};
  PodProxy pod_{environment_, {Name("shop"), Name("cart"), Name("cart")}, net::Netns(), [] {}};
  std::vector<std::unique_ptr<FakeConnection>> open_;
  int cuts_ = 0;
};

TEST_F(PodProxyTest, RechecksNoMoreThanAskedForAtATime) {
  open(10);
  deny();
  pod_.on_state_change(true, false);
  EXPECT_EQ(pod_.recheck(4), 4U);
  EXPECT_EQ(cuts_, 4);
  open(1);  // comes under the new policy: not one of those to look at
  EXPECT_TRUE(pod_.rechecking());
  EXPECT_EQ(pod_.recheck(100), 6U);
  EXPECT_EQ(cuts_, 10);
  EXPECT_FALSE(pod_.rechecking());
}

TEST_F(PodProxyTest, MissesNoneWhenOthersEndMeanwhile) {
  open(10);
  deny();
  pod_.on_state_change(true, false);
  pod_.recheck(2);
  for (const std::size_t gone : {8, 5, 3, 0}) {
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(gone));
  }
  const int before = cuts_;
  pod_.recheck(5);
  EXPECT_EQ(cuts_ - before, 5) << "all that were left";
}

TEST_F(PodProxyTest, BeginsAnewWhenPoliciesChangeMeanwhile) {
  open(10);
  pod_.on_state_change(true, false);
  pod_.recheck(5);
  deny();
  pod_.on_state_change(true, false);
  pod_.recheck(10);
  EXPECT_EQ(cuts_, 10);
}

TEST_F(PodProxyTest, ANeighboursRecordIsNoReason) {
  open(1);
  deny();  // would cut it, if anybody looked
  apply(workload("neighbour"));
  pod_.on_state_change(false, true);
  EXPECT_FALSE(pod_.rechecking());
  auto own = workload("cart");
  own.canonical_name = Name("changed");
  apply(own);
  pod_.on_state_change(false, true);
  pod_.recheck(10);
  EXPECT_EQ(cuts_, 1);
}

}  // namespace
}  // namespace culvert::proxy
