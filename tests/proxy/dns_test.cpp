// A pod's DNS queries on loopback: what is answered, what is passed on, and how it ends.
#include "culvert/net/datagram.hpp"
#include "proxy/node_fixture.hpp"

#include <set>

namespace culvert::proxy {
namespace {

using namespace std::chrono_literals;
using testing::free_ports;

dns::Message query(std::string_view name, std::uint16_t id) {
  dns::Message out = {static_cast<std::uint8_t>(id >> 8),
                      static_cast<std::uint8_t>(id),
                      1,
                      0,
                      0,
                      1,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0};
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out.insert(out.end(), {0, 0, 1, 0, 1});  // the root, A, IN
  return out;
}

unsigned rcode_of(const dns::Message& answer) { return answer.size() < 12 ? 99U : answer[3] & 15U; }

class DnsTest : public testing::NodeTest {
 protected:
  DnsTest() {
    settings_.dns.emplace();
    settings_.dns->port = free_ports()[0];
    settings_.workload_timeout = 500ms;
    make_node(1);
    state::Service web;
    web.name = Name("web");
    web.namespace_ = Name("shop");
    web.hostname = Name("web.shop.svc.cluster.local");
    web.vips = {{Name(), IpAddress::v4(198, 19, 0, 1)}};
    state::Update update;
    update.services.push_back(std::move(web));
    store_.apply(std::move(update));
    upstream_ = *net::bind_udp({}, {IpAddress::v4_loopback(), 0}, {}, false);
    auto known = std::make_shared<dns::Resolvers>();
    known->servers = {*net::local_address(upstream_.get())};
    resolvers_.set(known, known);
  }

  UniqueFd client() const {
    const auto here = net::NetnsGuard::enter({});
    return *net::connect_udp(*here, server(), {});
  }
  SocketAddress server() const { return {IpAddress::v4_loopback(), settings_.dns->port}; }
  static void send(const UniqueFd& fd, const dns::Message& message) {
    EXPECT_TRUE(net::send_datagram(fd.get(), message).has_value());
  }
  dns::Message receive(const UniqueFd& fd) {
    dns::Message buffer(4096);
    run_until([&] {
      const auto got = net::receive_datagram(fd.get(), buffer);
      if (got.what != net::Received::one) return false;
      buffer.resize(got.size);
      return true;
    });
    return buffer;
  }
  static bool nothing_for(const UniqueFd& fd) {
    dns::Message buffer(4096);
    return net::receive_datagram(fd.get(), buffer).what == net::Received::none;
  }
  // What the resolver is asked, and whom it has to answer.
  struct Asked {
    dns::Message query;
    SocketAddress by;
  };
  Asked asked() {
    Asked got{dns::Message(4096), {}};
    run_until([&] {
      sockaddr_storage peer;
      socklen_t length = sizeof peer;
      const auto n = ::recvfrom(upstream_.get(), got.query.data(), got.query.size(), 0,
                                reinterpret_cast<sockaddr*>(&peer), &length);
      if (n < 0) return false;
      got.query.resize(static_cast<std::size_t>(n));
      got.by = *SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&peer), length);
      return true;
    });
    return got;
  }
  void answer(Asked asked) const {
    asked.query[2] |= 0x80;
    sockaddr_storage native;
    const auto length = asked.by.to_native(native);
    ::sendto(upstream_.get(), asked.query.data(), asked.query.size(), 0,
             reinterpret_cast<const sockaddr*>(&native), length);
  }

  UniqueFd upstream_;
};

TEST_F(DnsTest, AnswersFromTheMeshAndPassesOnTheRest) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  send(pod, query("web", 7));
  const auto own = receive(pod);
  EXPECT_EQ(own[1], 7);
  EXPECT_EQ(rcode_of(own), 0U);
  EXPECT_EQ(own[7], 1) << "answers";
  const auto foreign = query("example.com", 7);
  send(pod, foreign);
  auto passed_on = asked();
  EXPECT_TRUE(std::equal(foreign.begin() + 2, foreign.end(), passed_on.query.begin() + 2));
  answer(std::move(passed_on));
  auto expected = foreign;
  expected[2] |= 0x80;
  EXPECT_EQ(receive(pod), expected);
}

// Resolvers that lead back to the pod would be asked ever faster, and guesses have ever more to
// hit.
TEST_F(DnsTest, WhatIsUnderWayIsNotAskedAgainAndItsAnswerIsForAll) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  const auto another = client();
  send(pod, query("example.com", 1));
  const auto first = asked();
  send(pod, query("example.com", 2));
  send(another, query("example.com", 3));
  pass_through_workers();
  send(pod, query("example.org", 4));
  auto other = asked();
  const auto next = query("example.org", 4);
  EXPECT_TRUE(std::equal(next.begin() + 2, next.end(), other.query.begin() + 2));
  answer(first);
  std::multiset<int> ids{receive(pod)[1], receive(pod)[1], receive(another)[1]};
  EXPECT_EQ(ids, (std::multiset<int>{1, 2, 3}));
  answer(std::move(other));
  EXPECT_EQ(receive(pod)[1], 4);
  send(pod, query("example.com", 5));
  answer(asked());
  EXPECT_EQ(receive(pod)[1], 5) << "it is over: asked anew";
}

TEST_F(DnsTest, DrainingWaitsForAnswersAndTakesNoNewQueries) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  send(pod, query("example.com", 1));
  auto pending = asked();
  std::atomic<bool> drained{false};
  node_->drain([&] { drained = true; });
  const auto late = client();
  run_until([&] {  // until the kernel says that nobody takes it
    send(late, query("web", 2));
    dns::Message buffer(512);
    return net::receive_datagram(late.get(), buffer).what == net::Received::failed;
  });
  EXPECT_FALSE(drained) << "with a query that has no answer";
  answer(std::move(pending));
  EXPECT_EQ(rcode_of(receive(pod)), 0U);
  run_until([&] { return drained.load(); });
}

TEST_F(DnsTest, CuttingWaitsForNobody) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  send(pod, query("example.com", 1));
  asked();
  std::atomic<bool> drained{false};
  const auto began = Clock::now();
  node_->drain([&] { drained = true; });
  node_->cut();
  run_until([&] { return drained.load(); });
  EXPECT_LT(Clock::now() - began, 3s);
}

TEST_F(DnsTest, AQueryWaitsForItsPodToBeKnown) {
  forget_pod();
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  send(pod, query("web", 1));
  pass_through_workers();
  EXPECT_TRUE(nothing_for(pod));
  apply(testing::workload("cart", testing::kServerIp));
  EXPECT_EQ(rcode_of(receive(pod)), 0U);
  forget_pod();
  pass_through_workers();
  const auto began = Clock::now();
  send(pod, query("web", 2));
  EXPECT_EQ(rcode_of(receive(pod)), 2U) << "SERVFAIL";
  EXPECT_GT(Clock::now() - began, 400ms);
}

TEST_F(DnsTest, NoMoreThanABoundWaitForAResolver) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  std::size_t refused = 0;
  dns::Message buffer(512);
  const auto take = [&] {
    while (net::receive_datagram(pod.get(), buffer).what == net::Received::one) ++refused;
  };
  for (std::uint16_t i = 0; i < 700; ++i) {
    send(pod, query("example.com", i));
    if (i % 20 == 0) pass_through_workers();
    take();
  }
  run_until([&] {
    take();
    return refused >= 700 - 512;
  });
  EXPECT_EQ(refused, 700U - 512U);
  EXPECT_EQ(rcode_of(buffer), 2U) << "SERVFAIL";
}

TEST_F(DnsTest, WithoutResolversTheAnswerIsServfailAtOnce) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  for (const auto& none : {dns::ResolversPtr(), std::make_shared<const dns::Resolvers>()}) {
    resolvers_.set(none, none);
    send(pod, query("example.com", 1));
    EXPECT_EQ(rcode_of(receive(pod)), 2U);
  }
}

TEST_F(DnsTest, ThePodsOwnResolversGoBeforeTheNodes) {
  auto own = std::make_shared<dns::Resolvers>();
  own->servers = resolvers_.get()->servers;
  resolvers_.set(nullptr, nullptr);
  std::atomic<bool> started{false};
  PodInfo info{Name("shop"), Name("cart"), Name("cart")};
  info.resolvers = own;
  node_->start_pod("uid-1", info, nullptr,
                   [&](Result<void> result) { started = result.has_value(); });
  run_until([&] { return started.load(); });
  const auto pod = client();
  send(pod, query("example.com", 1));
  answer(asked());
  EXPECT_EQ(rcode_of(receive(pod)), 0U);
}

TEST_F(DnsTest, AGuessThatDoesNotFitIsPassedOverAndManyEndTheTry) {
  ASSERT_TRUE(start_pod().has_value());
  const auto pod = client();
  send(pod, query("example.com", 1));
  auto asking = asked();
  for (int guesses = 0; guesses < 5; ++guesses) {
    auto wrong = asking;
    wrong.query[0] ^= static_cast<std::uint8_t>(guesses + 1);
    answer(wrong);
  }
  answer(asking);
  EXPECT_EQ(rcode_of(receive(pod)), 0U);
  send(pod, query("example.com", 2));
  asking = asked();
  for (int guesses = 0; guesses < 40; ++guesses) {
    auto wrong = asking;
    wrong.query[0] ^= static_cast<std::uint8_t>(guesses + 1);
    answer(wrong);
  }
  EXPECT_EQ(rcode_of(receive(pod)), 2U) << "the only resolver is given up";
}

TEST_F(DnsTest, ATakenPortFailsTheStart) {
  const auto taken = net::bind_udp({}, server(), {}, false);
  ASSERT_TRUE(taken.has_value());
  const auto started = start_pod();
  ASSERT_TRUE(started.has_error());
  EXPECT_NE(started.error().detail.find("bind UDP"), std::string::npos);
}

}  // namespace
}  // namespace culvert::proxy
