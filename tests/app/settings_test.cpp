#include "app/settings.hpp"

#include <gtest/gtest.h>

namespace culvert::app {
namespace {

TEST(ProxySettings, DnsIsAnsweredOnLoopbackUnlessAnAddressIsGiven) {
  Options options;
  options.cluster_domain = "Example.COM";
  options.preferred_service_namespace = "shared";
  const auto usual = proxy_settings(options).dns;
  ASSERT_TRUE(usual.has_value());
  EXPECT_EQ(usual->port, 15053);
  EXPECT_FALSE(usual->address.has_value());
  EXPECT_EQ(usual->resolve.cluster_domain, "example.com");
  EXPECT_EQ(usual->resolve.preferred_namespace, "shared");
  options.dns_proxy_address = "localhost:5300";
  EXPECT_EQ(proxy_settings(options).dns->port, 5300);
  options.dns_proxy_address = "[2001:2::7]:53";
  EXPECT_EQ(proxy_settings(options).dns->address, *SocketAddress::parse("[2001:2::7]:53"));
}

TEST(ProxySettings, NoDnsWhereCaptureIsOff) {
  Options options;
  options.dns_capture = false;
  EXPECT_FALSE(proxy_settings(options).dns.has_value());
}

}  // namespace
}  // namespace culvert::app
