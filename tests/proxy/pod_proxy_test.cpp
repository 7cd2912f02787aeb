// Which connections of a pod are authorized anew, and how many at a time; and that what is still
// being opened ends with the pod.
#include "proxy/pod_proxy.hpp"

#include <gtest/gtest.h>

#include "culvert/metrics/catalog.hpp"
#include "proxy/deaf_application.hpp"
#include "proxy/dns/hostnames.hpp"
#include "proxy/plain_connection.hpp"
#include "support/test_ca.hpp"

namespace culvert::proxy {
namespace {

using namespace std::chrono_literals;

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
  culvert::testing::TestCa ca_;
  culvert::testing::FakeCertificateSource source_{ca_};
  metrics::Catalog catalog_{"test"};
  state::Store store_{state::LocalNode{}};
  NodeResolvers resolvers_;
  Hostnames hostnames_{worker_, resolvers_, true};
  const Settings settings_;
  hbone::Context context_{worker_, hbone::TunnelSettings{}, source_};
  Environment environment_{context_,
                           store_,
                           catalog_.traffic(),
                           {&catalog_.sockets_open(metrics::Reporter::source),
                            &catalog_.sockets_open(metrics::Reporter::destination)},
                           catalog_.dns(),
                           resolvers_,
                           hostnames_,
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
  for (const std::size_t gone : {8U, 5U, 3U, 0U}) {
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

// A CA that never answers.
struct SilentSource final : tls::CertificateSource {
  std::shared_ptr<const tls::Certificate> cached(const Identity&) override { return nullptr; }
  void fetch(const Identity&, tls::Priority, Done) override {}
};

class StoppingTest : public PodProxyTest {
 protected:
  // A client of a listener, and the end that the listener would have accepted.
  StoppingTest() {
    auto listening = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
    const auto address = *net::local_address(listening->get());
    client_ = *net::dial_socket({}, address, std::nullopt, {});
    EXPECT_TRUE(net::start_connect(client_.get(), address).has_value());
    accepted_.reset(::accept4(listening->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    EXPECT_TRUE(accepted_);
  }
  // Stops the pod and expects that the client hears of it well before any time-out.
  void stop(PodProxy& pod) {
    worker_.run_until([n = 0]() mutable { return ++n > 5; });
    char c = 0;
    ASSERT_EQ(::recv(client_.get(), &c, 1, 0), -1) << "nothing is being opened";
    ASSERT_EQ(errno, EAGAIN);
    const auto begin = Clock::now();
    pod.stop(fail(Errc::cancelled, "the pod goes away"));
    worker_.run_until([&] {
      const auto n = ::recv(client_.get(), &c, 1, 0);
      return n == 0 || (n < 0 && errno != EAGAIN) || Clock::now() - begin > 5s;
    });
    EXPECT_LT(Clock::now() - begin, 5s);
  }

  UniqueFd client_;
  UniqueFd accepted_;
};

TEST_F(StoppingTest, EndsAPlainConnectThatNobodyAnswers) {
  const testing::DeafApplication deaf;
  Facts facts;
  facts.reporter = metrics::Reporter::source;
  facts.source_workload = pod_.workload();
  auto* connection = new PlainConnection(
      pod_, std::move(facts), pod_.count_socket(metrics::Reporter::source), std::move(accepted_));
  net::spawn(worker_, connection->run(deaf.address(), std::nullopt));
  const auto begin = Clock::now();
  stop(pod_);
  worker_.run_until([&] { return pod_.connections().empty(); });
  EXPECT_LT(Clock::now() - begin, 5s);
  EXPECT_NE(catalog_.render().find("istio_tcp_connections_closed_total{"), std::string::npos);
}

TEST_F(StoppingTest, EndsAHandshakeThatStalls) {
  net::spawn(worker_, serve_hbone(pod_, PodProxy::Attempt(pod_), std::move(accepted_), kPeer));
  stop(pod_);
}

TEST_F(StoppingTest, EndsTheWaitForACertificate) {
  SilentSource silent;
  hbone::Context context(worker_, hbone::TunnelSettings{}, silent);
  Environment environment{context,        store_,     catalog_.traffic(), environment_.sockets_open,
                          catalog_.dns(), resolvers_, hostnames_,         settings_};
  PodProxy pod(environment, {Name("shop"), Name("cart"), Name("cart")}, net::Netns(), [] {});
  net::spawn(worker_, serve_hbone(pod, PodProxy::Attempt(pod), std::move(accepted_), kPeer));
  stop(pod);
}

}  // namespace
}  // namespace culvert::proxy
