#include "app/options/environment.hpp"

#include <gtest/gtest.h>

namespace culvert::app {
namespace {

using namespace std::chrono_literals;

TEST(ParseOptions, AnEmptyEnvironmentIsEnough) {
  const auto options = test::parse({});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->proxy_mode, ProxyMode::shared);
  EXPECT_EQ(options->cluster_id, "Kubernetes");
  EXPECT_EQ(options->xds_address, "https://localhost:15012");
  EXPECT_EQ(options->ca_address, "https://localhost:15012");
  EXPECT_EQ(options->packet_mark, 1337U);
  EXPECT_FALSE(options->original_source.has_value());
  EXPECT_FALSE(options->auth_token.has_value());
  EXPECT_EQ(options->termination_deadline, 5s);
  EXPECT_EQ(options->stream_window, 4194304U);
  EXPECT_EQ(options->connection_window, 16777216U);
  EXPECT_EQ(options->frame_size, 1048576U);
  EXPECT_EQ(options->pool_max_streams, 100U);
  EXPECT_EQ(options->pool_unused_timeout, 5min);
  EXPECT_EQ(options->secret_ttl, 24h);
  EXPECT_EQ(options->sockets.keepalive_time, 180s);
  EXPECT_EQ(options->admin_port, 15000);
  EXPECT_EQ(options->stats_port, 15020);
  EXPECT_EQ(options->log_filter, "info");
  EXPECT_EQ(options->arguments, "proxy ztunnel");
  EXPECT_FALSE(options->own_workload().has_value());
}

TEST(ParseOptions, EverySettingOfTheStandardChartIsAccepted) {
  const auto options = test::parse({
      {"CA_ADDRESS", "istiod.istio-system.svc:15012"},
      {"XDS_ADDRESS", "istiod.istio-system.svc:15012"},
      {"LOG_FORMAT", "json"},
      {"NETWORK", "net-1"},
      {"RUST_LOG", "info,access=debug"},
      {"RUST_BACKTRACE", "1"},
      {"ISTIO_META_CLUSTER_ID", "east"},
      {"INPOD_ENABLED", "true"},
      {"TERMINATION_GRACE_PERIOD_SECONDS", "30"},
      {"POD_NAME", "ztunnel-x"},
      {"POD_NAMESPACE", "istio-system"},
      {"NODE_NAME", "node-a"},
      {"INSTANCE_IP", "198.18.0.9"},
      {"SERVICE_ACCOUNT", "ztunnel"},
      {"ISTIO_META_ENABLE_HBONE", "true"},
      {"ZTUNNEL_CPU_LIMIT", "16"},
      {"ISTIO_META_ISTIO_VERSION", "1.32.0"},
      {"KUBERNETES_SERVICE_HOST", "198.18.0.1"},
      {"PATH", "/usr/bin"},
  });
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->ca_address, "https://istiod.istio-system.svc:15012");
  EXPECT_EQ(options->xds_address, "https://istiod.istio-system.svc:15012");
  EXPECT_TRUE(options->log_json);
  EXPECT_EQ(options->network, "net-1");
  EXPECT_EQ(options->log_filter, "info,access=debug");
  EXPECT_EQ(options->cluster_id, "east");
  EXPECT_EQ(options->termination_deadline, 25s);
  EXPECT_EQ(options->node_name, "node-a");
  EXPECT_EQ(options->instance_ip, "198.18.0.9");
  EXPECT_EQ(options->istio_version, "1.32.0");
  EXPECT_EQ(options->proxy_metadata.at("ENABLE_HBONE"), "true");
  EXPECT_EQ(options->worker_threads, 4U);
  ASSERT_TRUE(options->own_identity().has_value());
  EXPECT_EQ(options->own_identity()->uri(), "spiffe://cluster.local/ns/istio-system/sa/ztunnel");
}

TEST(ParseOptions, EverythingCanBeSet) {
  const auto options = test::parse({
      {"CLUSTER_ID", "west"},
      {"CLUSTER_DOMAIN", "mesh.example"},
      {"TRUST_DOMAIN", "td"},
      {"XDS_ROOT_CA", "SYSTEM"},
      {"CA_ROOT_CA", "/etc/ca.pem"},
      {"ALT_XDS_HOSTNAME", "x"},
      {"ALT_CA_HOSTNAME", "c"},
      {"AUTH_TOKEN", "/run/token"},
      {"SECRET_TTL", "1h"},
      {"XDS_HEADER_x-one", "1"},
      {"XDS_HEADER_", "no name"},
      {"CA_HEADER_x-two", "2"},
      {"ISTIO_META_A", "b"},
      {"ISTIO_METAJSON_LABELS", "{\"a\":1}"},
      {"LOCAL_XDS_PATH", "mesh.yaml"},
      {"PREFERED_SERVICE_NAMESPACE", "shop"},
      {"INPOD_UDS", "/run/zds.sock"},
      {"INPOD_PORT_REUSE", "false"},
      {"PACKET_MARK", "1"},
      {"ENABLE_ORIG_SRC", "false"},
      {"HTTP2_STREAM_WINDOW_SIZE", "65536"},
      {"HTTP2_CONNECTION_WINDOW_SIZE", "65535"},
      {"HTTP2_FRAME_SIZE", "16384"},
      {"POOL_MAX_STREAMS_PER_CONNECTION", "1"},
      {"POOL_UNUSED_RELEASE_TIMEOUT", "1m30s"},
      {"KEEPALIVE_ENABLED", "false"},
      {"KEEPALIVE_TIME", "10s"},
      {"KEEPALIVE_INTERVAL", "5"},
      {"KEEPALIVE_RETRIES", "3"},
      {"USER_TIMEOUT_ENABLED", "true"},
      {"LOCALHOST_APP_TUNNEL", "false"},
      {"ENABLE_RESPONSE_BAGGAGE", "false"},
      {"IPV6_ENABLED", "false"},
      {"ISTIO_META_DNS_CAPTURE", "false"},
      {"ISTIO_META_DNS_PROXY_ADDR", "127.0.0.1:53"},
      {"TLS12_ENABLED", "true"},
      {"COMPLIANCE_POLICY", "pqc"},
      {"AUTHZ_POLICY_INFO_LOGGING", "true"},
      {"CULVERT_AEAD", "ipsec-mb"},
      {"CULVERT_RECORDS", "openssl"},
      {"CONNECTION_TERMINATION_DEADLINE", "750ms"},
      {"TERMINATION_GRACE_PERIOD_SECONDS", "30"},
      {"XDS_ADDRESS", ""},
      {"CA_ADDRESS", "http://[::1]:1"},
      {"CRL_PATH", ""},
  });
  ASSERT_TRUE(options.has_value()) << options.error().detail;
  EXPECT_EQ(options->cluster_id, "west");
  EXPECT_EQ(options->cluster_domain, "mesh.example");
  EXPECT_EQ(options->auth_token, "/run/token");
  EXPECT_EQ(options->secret_ttl, 1h);
  EXPECT_EQ(options->xds_headers, (Headers{{"x-one", "1"}}));
  EXPECT_EQ(options->ca_headers, (Headers{{"x-two", "2"}}));
  EXPECT_EQ(options->json_metadata.at("LABELS"), "{\"a\":1}");
  EXPECT_EQ(options->proxy_metadata.size(), 3U);
  EXPECT_EQ(options->preferred_service_namespace, "shop");
  EXPECT_FALSE(options->inpod_port_reuse);
  EXPECT_EQ(options->packet_mark, 1U);
  EXPECT_EQ(options->original_source, false);
  EXPECT_EQ(options->connection_window, 65535U);
  EXPECT_EQ(options->frame_size, 16384U);
  EXPECT_EQ(options->pool_unused_timeout, 90s);
  EXPECT_FALSE(options->sockets.keepalive);
  EXPECT_EQ(options->sockets.keepalive_interval, 5s);
  EXPECT_EQ(options->sockets.keepalive_retries, 3U);
  EXPECT_TRUE(options->sockets.user_timeout);
  EXPECT_FALSE(options->ipv6);
  EXPECT_FALSE(options->dns_capture);
  EXPECT_TRUE(options->pqc_only);
  EXPECT_EQ(options->aead, AeadChoice::ipsec_mb);
  EXPECT_EQ(options->records, RecordsChoice::openssl);
  EXPECT_EQ(options->termination_deadline, 750ms);
  EXPECT_EQ(options->xds_address, "");
  EXPECT_EQ(options->ca_address, "http://[::1]:1");
}

struct Bad {
  const char* name;
  const char* value;
  const char* says;  // part of the message
  Errc code = Errc::invalid;
};
class BadSetting : public testing::TestWithParam<Bad> {};

TEST_P(BadSetting, StopsTheStartAndIsNamed) {
  const auto& bad = GetParam();
  const auto options = test::parse({{bad.name, bad.value}});
  ASSERT_TRUE(options.has_error()) << bad.name << "=" << bad.value;
  EXPECT_EQ(options.error().code, bad.code);
  EXPECT_NE(options.error().detail.find(bad.name), std::string::npos) << options.error().detail;
  EXPECT_NE(options.error().detail.find(bad.says), std::string::npos) << options.error().detail;
  EXPECT_EQ(options.error().detail.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSetting,
    testing::Values(Bad{"IPV6_ENABLED", "True", "must be true or false"},
                    Bad{"IPV6_ENABLED", "1", "must be true or false"},
                    Bad{"IPV6_ENABLED", "", "must be true or false"},
                    Bad{"INPOD_PORT_REUSE", "yes", "INPOD_PORT_REUSE=yes: must be true or false"},
                    Bad{"PROXY_MODE", "both", "must be shared or dedicated"},
                    Bad{"PROXY_WORKLOAD_INFO", "ns/name", "namespace/name/service-account"},
                    Bad{"PROXY_WORKLOAD_INFO", "ns//sa", "namespace/name/service-account"},
                    Bad{"PACKET_MARK", "0x539", "must be a number from 0 to 4294967295"},
                    Bad{"PACKET_MARK", "4294967296", "must be a number from 0 to 4294967295"},
                    Bad{"HTTP2_FRAME_SIZE", "16383", "must be a number from 16384 to 16777215"},
                    Bad{"HTTP2_STREAM_WINDOW_SIZE", "2147483648", "2147483647"},
                    Bad{"POOL_MAX_STREAMS_PER_CONNECTION", "0", "must be a number from 1 to 65535"},
                    Bad{"POOL_UNUSED_RELEASE_TIMEOUT", "5 minutes", "must be a duration"},
                    Bad{"KEEPALIVE_TIME", "500ms", "from 1s to 32767s"},
                    Bad{"KEEPALIVE_RETRIES", "0", "from 1 to 127"},
                    Bad{"SECRET_TTL", "0s", "at least 1s"},
                    Bad{"COMPLIANCE_POLICY", "fips", "must be pqc or unset", Errc::unsupported},
                    Bad{"CULVERT_AEAD", "gcm", "must be auto, ipsec-mb or evp"},
                    Bad{"CULVERT_RECORDS", "ktls", "must be own or openssl"},
                    Bad{"LOG_FORMAT", "xml", "must be plain or json"},
                    Bad{"TERMINATION_GRACE_PERIOD_SECONDS", "30s", "must be a number"},
                    Bad{"CONNECTION_TERMINATION_DEADLINE", "soon", "must be a duration"},
                    Bad{"CA_ADDRESS", "", "must be the address of a CA"},
                    Bad{"CA_ADDRESS", "http://198.18.0.2:15012", "must be https://"},
                    Bad{"XDS_ADDRESS", "http://istiod.istio-system.svc:15010", "must be https://"},
                    Bad{"XDS_ADDRESS", "http://[2001:2::1]", "must be https://"},
                    Bad{"PROXY_CONFIG", "discoveryAddress: http://b:1", "must be https://"},
                    Bad{"XDS_ADDRESS", "http://localhost.example/", "must be https://"},
                    Bad{"ISTIO_META_DNS_PROXY_ADDR", "localhost", "localhost:<port>"},
                    Bad{"ENABLE_PROXY", "false", "not supported", Errc::unsupported},
                    Bad{"XDS_ON_DEMAND", "true", "not supported", Errc::unsupported},
                    Bad{"FAKE_CA", "true", "not supported", Errc::unsupported},
                    Bad{"UNSTABLE_ENABLE_SOCKS5", "true", "not supported", Errc::unsupported},
                    Bad{"CRL_PATH", "/etc/crl.pem", "not supported", Errc::unsupported},
                    Bad{"PROXY_CONFIG", "[1, 2]", "must be a map"}));

TEST(ParseOptions, DedicatedModeIsRefusedUntilItIsThere) {
  const auto without = test::parse({{"PROXY_MODE", "dedicated"}});
  ASSERT_TRUE(without.has_error());
  EXPECT_EQ(without.error().code, Errc::invalid);
  const auto with = test::parse({{"PROXY_MODE", "dedicated"}, {"PROXY_WORKLOAD_INFO", "a/b/c/d"}});
  ASSERT_TRUE(with.has_error());
  EXPECT_EQ(with.error().code, Errc::unsupported);
}

TEST(ParseOptions, BothLocalDocumentsAreOneTooMany) {
  EXPECT_FALSE(test::parse({{"LOCAL_XDS", "{}"}, {"LOCAL_XDS_PATH", "x"}}).has_value());
}

TEST(ParseOptions, LongValuesAreCutInErrors) {
  const auto bad = test::parse({{"IPV6_ENABLED", std::string(5000, 'x')}});
  ASSERT_TRUE(bad.has_error());
  EXPECT_LT(bad.error().detail.size(), 200U);
}

TEST(ParseOptions, DnsCaptureIsOnUnlessSaidOtherwise) {
  EXPECT_TRUE(test::parse({})->dns_capture);
  EXPECT_TRUE(test::parse({{"ISTIO_META_DNS_CAPTURE", "TRUE"}})->dns_capture);
  EXPECT_FALSE(test::parse({{"ISTIO_META_DNS_CAPTURE", "yes"}})->dns_capture);
  EXPECT_TRUE(warnings(*test::parse({})).empty());
}

TEST(ParseOptions, ATokenFileThatIsNotThereIsAWarning) {
  const auto options = test::parse({{"AUTH_TOKEN", "/nowhere/token"}});
  ASSERT_EQ(warnings(*options).size(), 1U);
  EXPECT_NE(warnings(*options)[0].find("AUTH_TOKEN"), std::string::npos);
  EXPECT_EQ(warnings(*options)[0].find("nowhere"), std::string::npos) << "it may be the token";
}

TEST(ParseOptions, NoMeshAtAllIsAWarning) {
  const auto options = test::parse({{"XDS_ADDRESS", ""}});
  ASSERT_TRUE(options.has_value());
  ASSERT_EQ(warnings(*options).size(), 1U);
  EXPECT_NE(warnings(*options)[0].find("XDS_ADDRESS"), std::string::npos);
}

TEST(SystemEnvironment, SeesThisProcess) {
  ASSERT_EQ(::setenv("CULVERT_TEST_VARIABLE", "a=b", 1), 0);
  const auto environment = system_environment();
  EXPECT_EQ(environment.variables.at("CULVERT_TEST_VARIABLE"), "a=b");
  EXPECT_GE(environment.cpus, 1U);
  EXPECT_FALSE(environment.read_file("/nonexistent/file")->has_value());
  EXPECT_TRUE(environment.read_file("/proc/self/stat")->has_value());
  EXPECT_FALSE(environment.read_file("/proc").has_value());  // a directory
}

}  // namespace
}  // namespace culvert::app
