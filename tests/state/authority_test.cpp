#include "culvert/state/inbound.hpp"

#include <gtest/gtest.h>

namespace culvert::state {
namespace {

TEST(Authority, Reads) {
  struct Case {
    std::string_view text, ip, hostname;
    std::uint16_t port;
  };
  const Case cases[] = {
      {"10.0.0.1:80", "10.0.0.1", "", 80},
      {"[2001:2::1]:65535", "2001:2::1", "", 65535},
      {"[::ffff:10.0.0.1]:1", "10.0.0.1", "", 1},
      {"cart.shop.svc.cluster.local:8080", "", "cart.shop.svc.cluster.local", 8080},
      {"a_b-C.9:443", "", "a_b-C.9", 443},
      {"*.example.com:1", "", "*.example.com", 1},
  };
  for (const Case& c : cases) {
    const auto a = Authority::parse(c.text);
    ASSERT_TRUE(a.has_value()) << c.text;
    EXPECT_EQ(a->port, c.port) << c.text;
    EXPECT_EQ(a->hostname(), c.hostname) << c.text;
    ASSERT_EQ(a->ip() != nullptr, !c.ip.empty()) << c.text;
    if (a->ip() != nullptr) {
      EXPECT_EQ(a->ip()->to_string(), c.ip);
    }
  }
}

TEST(Authority, Refuses) {
  const std::string long_name(254, 'a');
  const std::string with_nul("a\0b:80", 6);
  const std::string cases[] = {"",
                               ":",
                               ":80",
                               "host",
                               "host:",
                               "host:0",
                               "host:65536",
                               "host:+80",
                               "host: 80",
                               "host:80 ",
                               "host:80/",
                               "host:8a",
                               "user@host:80",
                               "ho st:80",
                               "2001:2::1:80",
                               "[2001:2::1]",
                               "[2001:2::1]80",
                               "[2001:2::1:80",
                               "[10.0.0.1]:80",
                               "[host]:80",
                               "[]:80",
                               "10.0.0:80",
                               "10.0.0.256:80",
                               "010.0.0.1:80",
                               "1:80",
                               "h\xc3\xa9:80",
                               long_name + ":80",
                               with_nul};
  for (const auto& text : cases) {
    const auto a = Authority::parse(text);
    EXPECT_TRUE(a.has_error()) << text;
    if (a.has_error()) {
      EXPECT_EQ(a.error().code, Errc::protocol);
    }
  }
}

}  // namespace
}  // namespace culvert::state
