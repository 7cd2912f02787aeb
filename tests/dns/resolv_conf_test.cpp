#include "culvert/dns/exchange.hpp"

#include <gtest/gtest.h>

namespace culvert::dns {
namespace {

std::vector<std::string> servers(std::string_view text) {
  std::vector<std::string> out;
  for (const SocketAddress& server : Resolvers::parse(text).servers)
    out.push_back(server.to_string());
  return out;
}
using Words = std::vector<std::string>;

TEST(ResolvConf, AsKubernetesWritesIt) {
  const auto r = Resolvers::parse(
      "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
      "nameserver 10.96.0.10\n"
      "options ndots:5\n");
  EXPECT_EQ(r.search, (Words{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"}));
  ASSERT_EQ(r.servers.size(), 1u);
  EXPECT_EQ(r.servers[0].to_string(), "10.96.0.10:53");
  EXPECT_EQ(r.ndots, 5u);
}

TEST(ResolvConf, Servers) {
  EXPECT_EQ(
      servers("nameserver 1.1.1.1\n#nameserver 2.2.2.2\n;nameserver 3.3.3.3\n"
              "nameserver\t2001:2::53  # comment\n nameserver 4.4.4.4\r\n"
              "nameserver fe80::1%eth0\nnameserver words\nnameserver\n"
              "nameserver 5.5.5.5:5353\nnameserver [2001:2::54]:54"),
      (Words{"1.1.1.1:53", "[2001:2::53]:53", "4.4.4.4:53", "5.5.5.5:5353", "[2001:2::54]:54"}));
  EXPECT_EQ(servers(""), Words{}) << "nobody is asked, not this host's own port 53";
}

TEST(ResolvConf, SearchAndDomain) {
  EXPECT_EQ(Resolvers::parse("domain one\nsearch Two.Example. three\n").search,
            (Words{"two.example", "three"}));
  EXPECT_EQ(Resolvers::parse("search two three\ndomain one\n").search, Words{"one"});
  EXPECT_EQ(Resolvers::parse("search .\n").search, Words{}) << "the root adds nothing";
}

TEST(ResolvConf, Options) {
  EXPECT_EQ(Resolvers::parse("").ndots, 1u);
  EXPECT_EQ(Resolvers::parse("options timeout:2 ndots:3 edns0").ndots, 3u);
  EXPECT_EQ(Resolvers::parse("options ndots:99").ndots, 15u);
  EXPECT_EQ(Resolvers::parse("options ndots:x").ndots, 1u);
  EXPECT_EQ(Resolvers::parse("options ndots:-1").ndots, 1u);
}

TEST(ResolvConf, BeyondLoopbackAreTheServersOfOthers) {
  const auto all = Resolvers::parse(
      "nameserver 127.0.0.53\nnameserver 10.96.0.10\nnameserver ::1\nnameserver 0.0.0.0\n"
      "nameserver ::\nnameserver 2001:2::53\noptions ndots:5\n");
  const auto others = all.beyond_loopback();
  ASSERT_EQ(others.servers.size(), 2u);
  EXPECT_EQ(others.servers[0].to_string(), "10.96.0.10:53");
  EXPECT_EQ(others.servers[1].to_string(), "[2001:2::53]:53");
  EXPECT_EQ(others.ndots, 5u);
}

TEST(ResolvConf, IsBounded) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "nameserver 10.0.0." + std::to_string(i % 256) + "\n";
  text += "search";
  for (int i = 0; i < 1000; ++i) text += " d" + std::to_string(i);
  const auto r = Resolvers::parse(text);
  EXPECT_EQ(r.servers.size(), 16u);
  EXPECT_EQ(r.search.size(), 16u);
}

}  // namespace
}  // namespace culvert::dns
