#include "culvert/metrics/traffic.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace culvert::metrics {
namespace {

TrafficLabels labels(std::string_view workload) {
  TrafficLabels made;
  made.source.workload = Name(workload);
  made.destination_service = Name("cart.shop.svc.cluster.local");
  return made;
}

TEST(TrafficRegistry, EqualLabelsShareTheirCounters) {
  TrafficRegistry registry;
  auto& one = registry.get(labels("front"));
  EXPECT_EQ(&one, &registry.get(labels("front")));
  EXPECT_NE(&one, &registry.get(labels("cart")));
  auto other = labels("front");
  other.mutual_tls = true;
  EXPECT_NE(&one, &registry.get(other));
  other = labels("front");
  other.reporter = Reporter::destination;
  EXPECT_NE(&one, &registry.get(other));
  EXPECT_EQ(registry.size(), 4U);
}

TEST(TrafficRegistry, CountersStayWhereTheyAre) {
  TrafficRegistry registry;
  auto& first = registry.get(labels("first"));
  first.open();
  for (int i = 0; i < 5000; ++i) registry.get(labels("w" + std::to_string(i)));
  EXPECT_EQ(&first, &registry.get(labels("first")));
  EXPECT_EQ(first.opened.load(), 1U);
}

TEST(TrafficRegistry, ClaimsMakeNoMoreSeriesThanThat) {
  TrafficRegistry registry;
  TrafficLabels labels;
  auto& proven = registry.get(labels);
  EXPECT_EQ(registry.get_claimed(labels), &proven) << "there already";
  TrafficCounters* last = nullptr;
  for (std::size_t i = 0; i < TrafficRegistry::kMostClaimed; ++i) {
    labels.source.workload = Name("w" + std::to_string(i));
    last = registry.get_claimed(labels);
    ASSERT_NE(last, nullptr);
  }
  EXPECT_EQ(registry.get_claimed(labels), last);
  labels.source.workload = Name("one-too-many");
  EXPECT_EQ(registry.get_claimed(labels), nullptr);
  EXPECT_EQ(registry.size(), TrafficRegistry::kMostClaimed + 1);
}

TEST(TrafficRegistry, EveryLabelTellsSeriesApart) {
  TrafficRegistry registry;
  const Name value("x");
  const auto set = [&](auto change) {
    TrafficLabels made;
    change(made);
    registry.get(made);
  };
  for (const auto member :
       {&PeerLabels::workload, &PeerLabels::canonical_service, &PeerLabels::canonical_revision,
        &PeerLabels::namespace_, &PeerLabels::principal, &PeerLabels::app, &PeerLabels::version,
        &PeerLabels::cluster, &PeerLabels::region, &PeerLabels::zone}) {
    set([&](TrafficLabels& l) { l.source.*member = value; });
    set([&](TrafficLabels& l) { l.destination.*member = value; });
  }
  set([&](TrafficLabels& l) { l.destination_service = value; });
  set([&](TrafficLabels& l) { l.destination_service_namespace = value; });
  set([&](TrafficLabels& l) { l.destination_service_name = value; });
  EXPECT_EQ(registry.size(), 23U);
}

TEST(TrafficCounters, AFailureIsClosedAndFailed) {
  TrafficCounters counters;
  counters.open();
  counters.open();
  counters.close(ResponseFlag::none);
  counters.close(ResponseFlag::deny);
  EXPECT_EQ(counters.opened.load(), 2U);
  EXPECT_EQ(counters.closed[0].load(), 1U);
  EXPECT_EQ(counters.closed[1].load(), 1U);
  EXPECT_EQ(counters.failed[0].load(), 0U);
  EXPECT_EQ(counters.failed[1].load(), 1U);
}

TEST(TrafficRegistry, ThreadsRecordWhileAnotherScrapes) {
  TrafficRegistry registry;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&registry] {
      for (int i = 0; i < 2000; ++i) {
        auto& counters = registry.get(labels("w" + std::to_string(i % 50)));
        counters.open();
        counters.received(3);
        counters.close(ResponseFlag::none);
      }
    });
  }
  for (int i = 0; i < 50; ++i)
    registry.for_each([](const TrafficLabels& l, const TrafficCounters& c) {
      if (l.source.workload.empty() || c.opened.load() > 6000) std::abort();
    });
  for (auto& thread : threads) thread.join();
  std::uint64_t opened = 0;
  registry.for_each([&](const TrafficLabels&, const TrafficCounters& c) {
    opened += c.opened.load();
    EXPECT_EQ(c.received_bytes.load(), 3 * c.opened.load());
  });
  EXPECT_EQ(opened, 6000U);
}

TEST(ResponseFlag, ComesFromTheError) {
  EXPECT_EQ(flag_of(fail(Errc::denied)), ResponseFlag::deny);
  EXPECT_EQ(flag_of(fail(Errc::tls)), ResponseFlag::tls_failure);
  EXPECT_EQ(flag_of(fail(Errc::h2)), ResponseFlag::h2_handshake_failure);
  EXPECT_EQ(flag_of(fail(Errc::identity)), ResponseFlag::identity_error);
  EXPECT_EQ(flag_of(fail(Errc::revoked)), ResponseFlag::cert_revoked);
  EXPECT_EQ(flag_of(fail(Errc::timed_out), true), ResponseFlag::network_policy);
  for (const auto code : {Errc::timed_out, Errc::io, Errc::refused, Errc::reset, Errc::closed,
                          Errc::cancelled, Errc::protocol, Errc::not_found, Errc::limit})
    EXPECT_EQ(flag_of(fail(code)), ResponseFlag::connect);
  EXPECT_EQ(flag_of(fail(Errc::refused), true), ResponseFlag::connect);
}

TEST(ResponseFlag, Texts) {
  const char* texts[] = {"-",
                         "DENY",
                         "CONNECT",
                         "TLS_FAILURE",
                         "H2_HANDSHAKE_FAILURE",
                         "NETWORK_POLICY",
                         "IDENTITY_ERROR",
                         "CERT_REVOKED"};
  for (std::size_t i = 0; i < kResponseFlags; ++i)
    EXPECT_EQ(to_string(static_cast<ResponseFlag>(i)), texts[i]);
}

}  // namespace
}  // namespace culvert::metrics
