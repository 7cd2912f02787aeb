#include "culvert/metrics/catalog.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "metrics/exposition.hpp"

namespace culvert::metrics {
namespace {

TEST(Catalog, AFreshProcessShowsWhatIsAlwaysThere) {
  const Catalog catalog("1.32.0");
  const auto parsed = test::parse_exposition(catalog.render());
  ASSERT_EQ(parsed.error, "");
  const auto& build = parsed.families.at("istio_build");
  EXPECT_EQ(build.type, "gauge");
  EXPECT_EQ(build.help, "Istio component build info.");
  ASSERT_EQ(build.samples.size(), 1U);
  EXPECT_EQ(build.samples[0].label("component"), "ztunnel");
  EXPECT_EQ(build.samples[0].label("tag"), "1.32.0");
  EXPECT_EQ(build.samples[0].value, 1);
  EXPECT_EQ(parsed.families.at("istio_tcp_sockets_open").samples.size(), 2U);
  EXPECT_GT(parsed.families.at("process_open_fds").samples.at(0).value, 2);
  EXPECT_EQ(parsed.families.at("process_open_fds").help, "Number of open file descriptors");
  EXPECT_GT(parsed.families.at("process_max_fds").samples.at(0).value, 0);
  EXPECT_GT(parsed.families.at("culvert_resident_memory_bytes").samples.at(0).value, 1e6);
  EXPECT_FALSE(parsed.families.contains("istio_xds_message"));
  EXPECT_FALSE(parsed.families.contains("istio_tcp_connections_opened"));
}

// Every family, with samples.
void populate(Catalog& catalog) {
  catalog.traffic().get({}).open();
  catalog.traffic().get({}).close(ResponseFlag::deny);
  catalog.sockets_open(Reporter::destination).add(3);
  catalog.crl_rejections(Reporter::source).add();
  catalog.xds_terminations("Reconnect").add(2);
  catalog.xds_messages("type.googleapis.com/istio.workload.Address").add();
  catalog.xds_message_bytes("type.googleapis.com/istio.workload.Address").add(100);
  catalog.active_proxies().set(4);
  catalog.pending_proxies().set(1);
  catalog.proxies_started().add(5);
  catalog.proxies_stopped().add(1);
  PeerLabels source;
  source.workload = Name("front");
  catalog.dns().on_demand(source, "db.example");
  const DnsLabels labels{28, false, Name("front"), Name("v2")};
  catalog.dns().requests(labels).add(3);
  catalog.dns().upstream_requests(labels).add(2);
  catalog.dns().upstream_failures(labels).add();
  catalog.dns().upstream_duration(labels).observe(0.25);
}

TEST(Catalog, EveryRecordingShowsUp) {
  Catalog catalog("x");
  populate(catalog);
  const auto parsed = test::parse_exposition(catalog.render());
  ASSERT_EQ(parsed.error, "");
  const auto value = [&](const char* family, std::size_t i = 0) {
    return parsed.families.at(family).samples.at(i).value;
  };
  EXPECT_EQ(value("istio_tcp_sockets_open", 0), 3);  // "destination" sorts first
  EXPECT_EQ(value("istio_crl_policy_rejections", 1), 1);
  EXPECT_EQ(value("istio_xds_connection_terminations"), 2);
  EXPECT_EQ(value("istio_xds_message"), 1);
  EXPECT_EQ(value("istio_xds_message_bytes"), 100);
  EXPECT_EQ(parsed.families.at("istio_xds_message_bytes").unit, "bytes");
  EXPECT_EQ(value("workload_manager_active_proxy_count"), 4);
  EXPECT_EQ(value("workload_manager_pending_proxy_count"), 1);
  EXPECT_EQ(value("workload_manager_proxies_started"), 5);
  EXPECT_EQ(value("workload_manager_proxies_stopped"), 1);
  const auto& dns = parsed.families.at("istio_on_demand_dns").samples.at(0);
  EXPECT_EQ(dns.label("source_workload"), "front");
  EXPECT_EQ(dns.label("source_app"), "unknown");
  EXPECT_EQ(dns.label("hostname"), "db.example");
  EXPECT_EQ(dns.labels.size(), 9U);
}

TEST(Catalog, DnsQueriesAreCountedByTypeProtocolAndWorkload) {
  Catalog catalog("x");
  const auto before = test::parse_exposition(catalog.render());
  EXPECT_FALSE(before.families.contains("istio_dns_requests"));
  EXPECT_FALSE(before.families.contains("istio_dns_upstream_request_duration_seconds"));
  const DnsLabels labels{28, false, Name("front"), Name("v2")};
  catalog.dns().requests(labels).add(3);
  catalog.dns().upstream_requests(labels).add(2);
  catalog.dns().upstream_failures(labels).add();
  catalog.dns().upstream_duration(labels).observe(0.25);
  const auto parsed = test::parse_exposition(catalog.render());
  ASSERT_EQ(parsed.error, "");
  const auto& requests = parsed.families.at("istio_dns_requests");
  EXPECT_EQ(requests.help, "Total number of DNS requests (unstable).");
  const auto& sample = requests.samples.at(0);
  EXPECT_EQ(sample.value, 3);
  EXPECT_EQ(sample.label("request_query_type"), "aaaa");
  EXPECT_EQ(sample.label("request_protocol"), "udp");
  EXPECT_EQ(sample.label("source_canonical_service"), "front");
  EXPECT_EQ(sample.label("source_canonical_revision"), "v2");
  EXPECT_EQ(parsed.families.at("istio_dns_upstream_requests").samples.at(0).value, 2);
  EXPECT_EQ(parsed.families.at("istio_dns_upstream_failures").samples.at(0).value, 1);
  const auto& duration = parsed.families.at("istio_dns_upstream_request_duration_seconds");
  EXPECT_EQ(duration.type, "histogram");
  EXPECT_EQ(duration.unit, "seconds");
  EXPECT_EQ(duration.samples.size(), 9U);
}

// 65,536 types, a pod's own choice: they are not 65,536 series.
TEST(Catalog, TypesWithoutAWordInWideUseShareASeries) {
  std::set<std::string_view> words;
  for (unsigned type = 0; type <= 65535; ++type)
    words.insert(query_type_word(static_cast<std::uint16_t>(type)));
  EXPECT_LT(words.size(), 40U);
  EXPECT_EQ(query_type_word(1), "a");
  EXPECT_EQ(query_type_word(12), "ptr");
  EXPECT_EQ(query_type_word(257), "caa");
  EXPECT_EQ(query_type_word(0), "unknown");
  EXPECT_EQ(query_type_word(65280), "unknown");
}

// What `promtool check metrics` looks at; test_promtool_finds_nothing_to_say asks it itself.
TEST(Catalog, PrometheusTextIsAsItsLinterWantsIt) {
  Catalog catalog("x");
  populate(catalog);
  std::istringstream text(catalog.render(Exposition::prometheus));
  std::string help;
  std::string type;
  std::size_t families = 0;
  bool histogram = false;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string mark;
    std::string kind;
    std::string name;
    words >> mark >> kind >> name;
    if (mark != "#") {
      const auto sample = line.substr(0, line.find_first_of("{ "));
      EXPECT_TRUE(histogram ? sample.starts_with(type + "_") : sample == type) << line;
      continue;
    }
    if (kind == "EOF") break;
    EXPECT_TRUE(kind == "HELP" || kind == "TYPE") << line;
    (kind == "HELP" ? help : type) = name;
    if (kind == "HELP") continue;
    ++families;
    histogram = line.ends_with(" histogram");
    EXPECT_EQ(help, name) << "HELP first";
    EXPECT_EQ(line.ends_with(" counter"), name.ends_with("_total")) << line;
  }
  EXPECT_GE(families, 20U);
}

// Guards the guard: the reader must refuse what the specification refuses.
TEST(Exposition, ReaderRefusesBadText) {
  for (const char* bad :
       {"", "a 1\n", "# TYPE a counter\na 1\n# EOF\n", "# TYPE a gauge\na 1\na 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"\\q\"} 1\n# EOF\n", "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\n# EOF\n", "# TYPE a gauge\na 1\n# EOF\nb 1\n"})
    EXPECT_NE(test::parse_exposition(bad).error, "") << bad;
}

}  // namespace
}  // namespace culvert::metrics
