// What the tests of a node share: its data plane on loopback with one pod to serve, and a foreign
// HBONE client.
#pragma once

#include "culvert/proxy/node_proxy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "culvert/metrics/catalog.hpp"
#include "hbone/mesh_pair.hpp"

namespace culvert::proxy::testing {

using hbone::testing::Side;
using namespace std::chrono_literals;

inline constexpr std::string_view kServerIp = "127.0.0.3";

// Three ports that are free on every address, no two of them the same: listeners share a port
// without a word where it is asked for.
inline std::array<std::uint16_t, 3> free_ports() {
  std::array<UniqueFd, 3> held;
  std::array<std::uint16_t, 3> ports{};
  for (std::size_t i = 0; i < held.size(); ++i) {
    held[i] = *net::listen_tcp({}, SocketAddress{IpAddress::v4(0, 0, 0, 0), 0}, {}, {});
    ports[i] = net::local_address(held[i].get())->port;
  }
  return ports;
}

inline state::Workload workload(std::string_view name, std::string_view ip) {
  state::Workload made;
  made.uid = Name("c//Pod/shop/" + std::string(name));
  made.name = Name(name);
  made.namespace_ = Name("shop");
  made.service_account = Name(name);
  made.trust_domain = Name("cluster.local");
  made.addresses = {*IpAddress::parse(ip)};
  made.protocol = state::Protocol::hbone;
  return made;
}

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    app_ = *net::listen_tcp({}, SocketAddress{*IpAddress::parse(kServerIp), 0}, {}, {});
    app_port_ = net::local_address(app_.get())->port;
    std::tie(settings_.inbound_port, settings_.outbound_port, settings_.inbound_plaintext_port) =
        std::tuple_cat(free_ports());
    settings_.original_source = OriginalSource::off;
    settings_.ipv6 = false;
    settings_.workload_timeout = 200ms;
    settings_.inbound.internal_ports.ports = {settings_.inbound_port, settings_.outbound_port,
                                              settings_.inbound_plaintext_port};
    make_node(1);
    store_.add_listener([this](const state::Changes& changes) { node_->on_changes(changes); });
    apply(workload("cart", kServerIp));
    apply(workload("front", "127.0.0.1"));
  }
  void make_node(unsigned workers) {
    const NodeProxy::Parts parts{store_,
                                 source_,
                                 catalog_.traffic(),
                                 {&catalog_.sockets_open(metrics::Reporter::source),
                                  &catalog_.sockets_open(metrics::Reporter::destination)},
                                 catalog_.dns(),
                                 resolvers_};
    node_ = std::make_unique<NodeProxy>(settings_, hbone::TunnelSettings{}, workers, parts);
  }
  ~NodeTest() override {
    pool_.cut(fail(Errc::cancelled, "test ends"));
    run_until([&] { return pool_.empty(); });
    std::atomic<bool> drained{false};
    node_->drain([&] { drained = true; });
    node_->cut();
    run_until([&] { return drained.load(); });
  }

  void apply(state::Workload one) {
    state::Update update;
    update.workloads.push_back(std::move(one));
    store_.apply(std::move(update));
  }
  void apply(state::Policy one) {
    state::Update update;
    update.policies.push_back(std::move(one));
    store_.apply(std::move(update));
  }
  // A DENY policy of the server's namespace for everybody with an identity.
  static state::Policy deny_all() {
    state::Policy policy;
    policy.name = Name("deny");
    policy.namespace_ = Name("shop");
    policy.resource_name = Name("shop/deny");
    policy.scope = state::Policy::Scope::namespace_;
    policy.action = state::Policy::Action::deny;
    state::Match match;
    match.principals.push_back(state::StringMatch{state::StringMatch::Kind::presence, {}});
    policy.rules = {state::Rule{{state::Clause{{match}}}}};
    return policy;
  }

  // The outcome of a start that has been asked for.
  struct Started {
    std::atomic<bool> answered{false};
    Result<void> result;
  };
  void begin_start(Started& started, std::shared_ptr<UniqueFd> netns = nullptr) {
    node_->start_pod("uid-1", {Name("shop"), Name("cart"), Name("cart")}, std::move(netns),
                     [&started](Result<void> r) {
                       started.result = std::move(r);
                       started.answered = true;
                     });
  }
  Result<void> start_pod() {
    Started started;
    begin_start(started);
    run_until([&] { return started.answered.load(); });
    return started.result;
  }
  // The mesh forgets the pod.
  void forget_pod() {
    state::Update update;
    update.removed_addresses = {"c//Pod/shop/cart"};
    store_.apply(std::move(update));
  }
  // Waits until every worker has done what was posted to it before.
  void pass_through_workers() {
    std::atomic<bool> passed{false};
    node_->connections([&](const NodeProxy::Connections&) { passed = true; });
    run_until([&] { return passed.load(); });
  }
  // A client of the plaintext port, as soon as the kernel has connected it.
  UniqueFd plain_client() {
    const SocketAddress address{*IpAddress::parse(kServerIp), settings_.inbound_plaintext_port};
    auto fd = net::dial_socket({}, address, std::nullopt, {});
    EXPECT_TRUE(net::start_connect(fd->get(), address).has_value());
    EXPECT_TRUE(net::connect_result(fd->get()).has_value());
    return std::move(*fd);
  }

  static net::Async<void> connect(NodeTest* self, Side* side, std::string authority) {
    hbone::PoolKey key;
    key.source = {Name("cluster.local"), Name("shop"), Name("front")};
    key.expected = {{Name("cluster.local"), Name("shop"), Name("cart")}};
    key.destination = SocketAddress{*IpAddress::parse(kServerIp), self->settings_.inbound_port};
    auto tunnel = co_await self->pool_.checkout(std::move(key));
    if (!tunnel) {
      side->answer = tunnel.error();
      co_return;
    }
    auto sent = side->relay.request(**tunnel, authority, self->request_headers_);
    EXPECT_TRUE(sent.has_value());
    auto answer = co_await side->relay.response(self->worker_.now() + 5s);
    side->answer = answer;
    if (answer && answer->status == 200) {
      side->start();
    } else if (!side->relay.abandon()) {
      side->ended = true;
    }
  }
  // The status of a CONNECT to `authority`; 0 when there was none.
  int connect(const std::string& authority) {
    sides_.push_back(std::make_unique<Side>(worker_));
    Side& side = *sides_.back();
    net::spawn(worker_, connect(this, &side, authority));
    run_until([&] { return side.answer.has_value(); });
    return side.answer->has_value() ? (*side.answer)->status : 0;
  }
  std::string target() { return std::string(kServerIp) + ":" + std::to_string(app_port_); }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + 15s;
    worker_.run_until([&] {
      if (Clock::now() < deadline) return done();
      ADD_FAILURE() << "nothing happens any more";
      return true;
    });
  }

  net::Worker worker_{9};
  culvert::testing::TestCa ca_;
  culvert::testing::FakeCertificateSource source_{ca_};
  metrics::Catalog catalog_{"test"};
  state::Store store_{state::LocalNode{}};
  NodeResolvers resolvers_;
  Settings settings_;
  UniqueFd app_;
  std::uint16_t app_port_ = 0;
  std::unique_ptr<NodeProxy> node_;
  hbone::Context context_{worker_, hbone::TunnelSettings{}, source_};
  hbone::Pool pool_{context_, hbone::DialSettings{}};
  std::vector<h2::Header> request_headers_;  // what the client sends beside the authority
  std::vector<std::unique_ptr<Side>> sides_;
};

}  // namespace culvert::proxy::testing
