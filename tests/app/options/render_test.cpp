#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <utility>

#include "app/options/environment.hpp"

namespace culvert::app {
namespace {

TEST(Render, TheDumpHasTheKeysThatReadersKnow) {
  const auto options = test::parse({{"NODE_NAME", "node-a"}, {"SECRET_TTL", "1s500ms"}});
  ASSERT_TRUE(options.has_value());
  const auto json = nlohmann::json::parse(to_json(*options));
  for (const char* key : {"proxy",
                          "dnsProxy",
                          "windowSize",
                          "connectionWindowSize",
                          "frameSize",
                          "poolMaxStreamsPerConn",
                          "poolUnusedReleaseTimeout",
                          "socks5Addr",
                          "adminAddr",
                          "statsAddr",
                          "readinessAddr",
                          "inboundAddr",
                          "inboundPlaintextAddr",
                          "outboundAddr",
                          "dnsProxyAddr",
                          "illegalPorts",
                          "network",
                          "localNode",
                          "proxyMode",
                          "proxyWorkloadInformation",
                          "clusterId",
                          "clusterDomain",
                          "caAddress",
                          "caRootCert",
                          "altCaHostname",
                          "xdsAddress",
                          "xdsRootCert",
                          "altXdsHostname",
                          "preferedServiceNamespace",
                          "secretTtl",
                          "xdsOnDemand",
                          "fakeCa",
                          "fakeSelfInbound",
                          "selfTerminationDeadline",
                          "proxyMetadata",
                          "numWorkerThreads",
                          "requireOriginalSource",
                          "proxyArgs",
                          "inpodUds",
                          "inpodPortReuse",
                          "packetMark",
                          "socketConfig",
                          "xdsHeaders",
                          "caHeaders",
                          "localhostAppTunnel",
                          "ztunnelIdentity",
                          "ztunnelWorkload",
                          "ipv6Enabled",
                          "crlPath",
                          "enableEnhancedBaggage",
                          "dnsResolverCfg",
                          "dnsResolverOpts"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["adminAddr"].dump(), R"({"Localhost":[true,15000]})");
  EXPECT_EQ(json["proxyMode"], "Shared");
  EXPECT_EQ(json["localNode"], "node-a");
  EXPECT_EQ(json["secretTtl"].dump(), R"({"nanos":500000000,"secs":1})");
  EXPECT_EQ(json["proxyArgs"], "proxy ztunnel");
}

TEST(Render, WhereDnsIsAnsweredHasTheReferencesTwoForms) {
  const auto shown = [](std::map<std::string, std::string> variables) {
    const auto options = test::parse(std::move(variables));
    if (!options) return options.error().detail;
    return nlohmann::json::parse(to_json(*options))["dnsProxyAddr"].dump();
  };
  EXPECT_EQ(shown({}), R"({"Localhost":[true,15053]})");
  EXPECT_EQ(shown({{"IPV6_ENABLED", "false"}, {"ISTIO_META_DNS_PROXY_ADDR", "localhost:53"}}),
            R"({"Localhost":[false,53]})");
  EXPECT_EQ(shown({{"ISTIO_META_DNS_PROXY_ADDR", "127.0.0.1:15053"}}),
            R"({"SocketAddr":"127.0.0.1:15053"})");
  EXPECT_EQ(shown({{"ISTIO_META_DNS_PROXY_ADDR", "[::]:15053"}}), R"({"SocketAddr":"[::]:15053"})");
}

TEST(Render, ResolversAreShownAsTheReferenceShowsThem) {
  const auto resolvers = dns::Resolvers::parse(
      "nameserver 2001:2::35\nsearch shop.svc.cluster.local example.org\noptions ndots:5\n");
  const auto json = nlohmann::json::parse(to_json(*test::parse({}), resolvers));
  EXPECT_EQ(json["dnsResolverCfg"], nlohmann::json::parse(R"({
    "domain": null, "search": ["shop.svc.cluster.local", "example.org"],
    "name_servers": [{"ip": "2001:2::35", "trust_negative_responses": true, "connections": [
      {"port": 53, "protocol": {"type": "udp"}, "bind_addr": null},
      {"port": 53, "protocol": {"type": "tcp"}, "bind_addr": null}]}]})"));
  EXPECT_EQ(json["dnsResolverOpts"].dump(), R"({"edns0":false,"ndots":5,"timeout":1})");
}

TEST(Render, HeadersHaveTheNamesThatAreSent) {
  const auto options = test::parse({{"XDS_HEADER_X-One", "1"}});
  EXPECT_EQ(nlohmann::json::parse(to_json(*options))["xdsHeaders"].dump(),
            R"([["x-one","<redacted>"]])");
}

TEST(Render, SecretsAppearNowhere) {
  const auto options = test::parse({{"AUTH_TOKEN", "hunter2"},
                                    {"XDS_HEADER_authorization", "hunter2"},
                                    {"CA_HEADER_authorization", "hunter2"}});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(to_json(*options).find("hunter2"), std::string::npos);
  for (const auto& line : describe(*options))
    EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
  EXPECT_NE(to_json(*options).find("authorization"), std::string::npos);
}

TEST(Render, BytesThatAreNotTextDoNotThrow) {
  const auto options = test::parse({{"NODE_NAME",
                                     "a\xFF"
                                     "b"}});
  ASSERT_TRUE(options.has_value());
  EXPECT_NE(to_json(*options).find("a\xEF\xBF\xBD"
                                   "b"),
            std::string::npos);
}

TEST(Render, TheDescriptionIsOneLineASetting) {
  const auto lines = describe(*test::parse({{"NETWORK", "a\nb"}}));
  EXPECT_THAT(lines, testing::Contains("clusterId: \"Kubernetes\""));
  EXPECT_THAT(lines, testing::Contains("packetMark: 1337"));
  EXPECT_THAT(lines, testing::Contains("network: \"a\\nb\""));
  for (const auto& line : lines) EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

}  // namespace
}  // namespace culvert::app
