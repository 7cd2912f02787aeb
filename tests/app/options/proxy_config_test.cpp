#include "app/options/proxy_config.hpp"

#include <gtest/gtest.h>

#include "app/options/environment.hpp"

namespace culvert::app {
namespace {

constexpr const char* kMesh = "./etc/istio/config/mesh";

TEST(ProxyConfig, AllFieldsAreRead) {
  const auto config = merge_proxy_config({}, R"(
discoveryAddress: istiod:15012
proxyAdminPort: 15100
statsPort: 15120
concurrency: 3
somethingElse: {a: [1]}
proxyMetadata:
  ISTIO_META_DNS_CAPTURE: "false"
  PLAIN: 7
)");
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->discovery_address, "istiod:15012");
  EXPECT_EQ(config->admin_port, 15100);
  EXPECT_EQ(config->stats_port, 15120);
  EXPECT_EQ(config->concurrency, 3U);
  EXPECT_EQ(config->metadata.at("DNS_CAPTURE"), "false");
  EXPECT_EQ(config->metadata.at("PLAIN"), "7");
}

TEST(ProxyConfig, JsonIsYaml) {
  const auto config = merge_proxy_config({}, R"({"concurrency":0,"proxyMetadata":{}})");
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->concurrency, 0U);
}

TEST(ProxyConfig, AbsentAndNullChangeNothing) {
  ProxyConfig before;
  before.concurrency = 5;
  for (const char* text : {"", "{}", "concurrency:\nproxyMetadata:\n", "~"})
    EXPECT_EQ(merge_proxy_config(before, text)->concurrency, 5U) << text;
}

TEST(ProxyConfig, BadFieldsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"concurrency: -1", "concurrency"},
      {"concurrency: many", "concurrency"},
      {"statsPort: 65536", "statsPort"},
      {"proxyAdminPort: [1]", "proxyAdminPort"},
      {"discoveryAddress: {}", "discoveryAddress"},
      {"proxyMetadata: [1]", "proxyMetadata"},
      {"proxyMetadata: {a: [1]}", "proxyMetadata"},
  };
  for (const auto& [text, field] : cases) {
    const auto config = merge_proxy_config({}, text);
    ASSERT_TRUE(config.has_error()) << text;
    EXPECT_NE(config.error().detail.find(field), std::string::npos) << config.error().detail;
  }
  EXPECT_FALSE(merge_proxy_config({}, "{unclosed: [").has_value());
  EXPECT_FALSE(merge_proxy_config({}, "just text").has_value());
}

TEST(MeshConfig, OnlyDefaultConfigCounts) {
  const auto options =
      test::parse({}, {{kMesh, "concurrency: 9\ndefaultConfig:\n  concurrency: 6\n"}});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->worker_threads, 6U);
  EXPECT_EQ(test::parse({}, {{kMesh, ""}})->worker_threads, 2U);
  EXPECT_EQ(test::parse({}, {{kMesh, "rootNamespace: x"}})->worker_threads, 2U);
}

TEST(MeshConfig, ProxyConfigAndTheEnvironmentLieOverIt) {
  const auto options = test::parse(
      {{"PROXY_CONFIG", "statsPort: 2\nproxyMetadata: {B: config, C: config}"},
       {"ISTIO_META_C", "environment"}},
      {{kMesh,
        "defaultConfig: {statsPort: 1, proxyAdminPort: 1, proxyMetadata: {A: mesh, B: mesh}}"}});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->admin_port, 1);
  EXPECT_EQ(options->stats_port, 2);
  const std::map<std::string, std::string> expected = {
      {"A", "mesh"}, {"B", "config"}, {"C", "environment"}};
  EXPECT_EQ(options->proxy_metadata, expected);
}

TEST(MeshConfig, ABadFileStopsTheStartAndIsNamed) {
  const auto options = test::parse({}, {{kMesh, "defaultConfig: [1]"}});
  ASSERT_TRUE(options.has_error());
  EXPECT_NE(options.error().detail.find(kMesh), std::string::npos);
}

TEST(MeshConfig, AnUnreadableFileStopsTheStart) {
  auto environment = test::environment({});
  environment.read_file = [](const std::string&) -> Result<std::optional<std::string>> {
    return fail(Errc::io, "disk on fire");
  };
  const auto options = parse_options(environment, {});
  ASSERT_TRUE(options.has_error());
  EXPECT_EQ(options.error().code, Errc::io);
}

}  // namespace
}  // namespace culvert::app
