#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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
                          "enableEnhancedBaggage"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["adminAddr"].dump(), R"({"Localhost":[true,15000]})");
  EXPECT_EQ(json["proxyMode"], "Shared");
  EXPECT_EQ(json["localNode"], "node-a");
  EXPECT_EQ(json["secretTtl"].dump(), R"({"nanos":500000000,"secs":1})");
  EXPECT_EQ(json["proxyArgs"], "proxy ztunnel");
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
