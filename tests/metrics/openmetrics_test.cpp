#include "culvert/metrics/openmetrics.hpp"

#include <gtest/gtest.h>

#include "metrics/exposition.hpp"

namespace culvert::metrics {
namespace {

std::string number(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

TEST(OpenMetrics, Numbers) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-3), "-3");
  EXPECT_EQ(number(4294967296), "4294967296");
  EXPECT_EQ(number(0.25), "0.25");
  EXPECT_EQ(number(1e300), "1e+300");
}

TEST(OpenMetrics, AFamilyIsWrittenExactly) {
  std::string out;
  const Sample samples[] = {{{"a", "q\"b\\s\nn"}, 3}, {{"c", ""}, 0}};
  FamilySpec spec{"things_bytes", "Things seen.", FamilyType::counter, {"x", "y"}, "bytes"};
  append_family(out, spec, samples);
  EXPECT_EQ(out,
            "# HELP things_bytes Things seen.\n"
            "# TYPE things_bytes counter\n"
            "# UNIT things_bytes bytes\n"
            "things_bytes_total{x=\"a\",y=\"q\\\"b\\\\s\\nn\"} 3\n"
            "things_bytes_total{x=\"c\",y=\"\"} 0\n");
  out.clear();
  append_family(out, spec, {});
  EXPECT_EQ(out, "");
}

TEST(OpenMetrics, AHistogramShowsGrowingBucketsItsCountAndItsSum) {
  Registry registry;
  auto& family =
      registry.histogram({"wait_seconds", "Wait.", FamilyType::counter, {"x"}, "seconds"});
  for (const double seconds : {0.0005, 0.002, 0.25, 30.0}) family.with({"a"}).observe(seconds);
  std::string out;
  registry.for_each([&out](const FamilySpec& spec, std::span<const Sample> samples) {
    append_family(out, spec, samples);
  });
  EXPECT_EQ(out,
            "# HELP wait_seconds Wait.\n"
            "# TYPE wait_seconds histogram\n"
            "# UNIT wait_seconds seconds\n"
            "wait_seconds_bucket{x=\"a\",le=\"0.0005\"} 1\n"
            "wait_seconds_bucket{x=\"a\",le=\"0.001\"} 1\n"
            "wait_seconds_bucket{x=\"a\",le=\"0.01\"} 2\n"
            "wait_seconds_bucket{x=\"a\",le=\"0.1\"} 2\n"
            "wait_seconds_bucket{x=\"a\",le=\"1.0\"} 3\n"
            "wait_seconds_bucket{x=\"a\",le=\"5.0\"} 3\n"
            "wait_seconds_bucket{x=\"a\",le=\"+Inf\"} 4\n"
            "wait_seconds_count{x=\"a\"} 4\n"
            "wait_seconds_sum{x=\"a\"} 30.2525\n");
  EXPECT_EQ(test::parse_exposition(out + "# EOF\n").error, "");
}

TEST(OpenMetrics, PrometheusTextCallsACounterAsItsSamples) {
  std::string out;
  const Sample samples[] = {{{}, 3}};
  append_family(out, {"things_bytes", "Things seen.", FamilyType::counter, {}, "bytes"}, samples,
                Exposition::prometheus);
  append_family(out, {"open", "Open.", FamilyType::gauge}, samples, Exposition::prometheus);
  EXPECT_EQ(out,
            "# HELP things_bytes_total Things seen.\n"
            "# TYPE things_bytes_total counter\n"
            "things_bytes_total 3\n"
            "# HELP open Open.\n"
            "# TYPE open gauge\n"
            "open 3\n");
  TrafficRegistry traffic;
  traffic.get({}).open();
  out.clear();
  append_traffic(out, traffic, Exposition::prometheus);
  EXPECT_TRUE(out.starts_with(
      "# HELP istio_tcp_connections_opened_total The total number of TCP connections opened.\n"
      "# TYPE istio_tcp_connections_opened_total counter\n"
      "istio_tcp_connections_opened_total{"));
}

TEST(OpenMetrics, NoLabelsNoBraces) {
  std::string out;
  const Sample samples[] = {{{}, 7}};
  append_family(out, {"open", "Open.", FamilyType::gauge}, samples);
  EXPECT_EQ(out, "# HELP open Open.\n# TYPE open gauge\nopen 7\n");
}

TEST(OpenMetrics, TrafficLabelsAreCompleteAndInOrder) {
  TrafficRegistry traffic;
  TrafficLabels labels;
  labels.reporter = Reporter::destination;
  labels.source = {
      Name("sw"),   Name("scs"), Name("scr"), Name("sns"), Name("spiffe://td/ns/n/sa/s"),
      Name("sapp"), Name("sv"),  Name("sc"),  Name("sr"),  Name("sz")};
  labels.destination.workload = Name("dw");
  labels.destination_service = Name("cart.shop.svc.cluster.local");
  labels.mutual_tls = true;
  traffic.get(labels).open();
  std::string out;
  append_traffic(out, traffic);
  EXPECT_EQ(
      out,
      "# HELP istio_tcp_connections_opened The total number of TCP connections opened.\n"
      "# TYPE istio_tcp_connections_opened counter\n"
      "istio_tcp_connections_opened_total{reporter=\"destination\",source_workload=\"sw\","
      "source_canonical_service=\"scs\",source_canonical_revision=\"scr\","
      "source_workload_namespace=\"sns\",source_principal=\"spiffe://td/ns/n/sa/s\","
      "source_app=\"sapp\",source_version=\"sv\",source_cluster=\"sc\","
      "destination_service=\"cart.shop.svc.cluster.local\","
      "destination_service_namespace=\"unknown\",destination_service_name=\"unknown\","
      "destination_workload=\"dw\",destination_canonical_service=\"unknown\","
      "destination_canonical_revision=\"unknown\",destination_workload_namespace=\"unknown\","
      "destination_principal=\"unknown\",destination_app=\"unknown\","
      "destination_version=\"unknown\",destination_cluster=\"unknown\",request_protocol=\"tcp\","
      "response_flags=\"-\",connection_security_policy=\"mutual_tls\",source_region=\"sr\","
      "source_zone=\"sz\",destination_region=\"unknown\",destination_zone=\"unknown\"} 1\n" +
          out.substr(out.find("# HELP istio_tcp_received_bytes")));
  EXPECT_EQ(out.find("istio_tcp_connections_closed"), std::string::npos);
  EXPECT_EQ(out.find("istio_tcp_connections_failed"), std::string::npos);
}

TEST(OpenMetrics, ClosedAndFailedCarryTheirFlags) {
  TrafficRegistry traffic;
  auto& counters = traffic.get({});
  for (const auto flag : {ResponseFlag::none, ResponseFlag::deny, ResponseFlag::deny}) {
    counters.open();
    counters.close(flag);
  }
  counters.received(10);
  counters.sent(20);
  std::string out;
  append_traffic(out, traffic);
  const auto parsed = test::parse_exposition(out + "# EOF\n");
  ASSERT_EQ(parsed.error, "");
  ASSERT_EQ(parsed.families.size(), 5U);
  const auto& closed = parsed.families.at("istio_tcp_connections_closed").samples;
  ASSERT_EQ(closed.size(), 2U);
  EXPECT_EQ(closed[0].label("response_flags"), "-");
  EXPECT_EQ(closed[0].value, 1);
  EXPECT_EQ(closed[1].label("response_flags"), "DENY");
  EXPECT_EQ(closed[1].value, 2);
  const auto& failed = parsed.families.at("istio_tcp_connections_failed").samples;
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].value, 2);
  EXPECT_EQ(parsed.families.at("istio_tcp_received_bytes").samples[0].value, 10);
  EXPECT_EQ(parsed.families.at("istio_tcp_sent_bytes").samples[0].value, 20);
  EXPECT_EQ(closed[0].label("connection_security_policy"), "unknown");
  EXPECT_EQ(closed[0].labels.size(), 27U);
}

TEST(OpenMetrics, NoTrafficNoFamilies) {
  std::string out;
  append_traffic(out, TrafficRegistry());
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace culvert::metrics
