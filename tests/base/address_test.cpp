#include "culvert/base/address.hpp"

#include <netinet/in.h>

#include <gtest/gtest.h>

#include <unordered_set>

namespace culvert {
namespace {

struct Form {
  const char* in;
  const char* out;  // null: refused
};

class IpAddressForms : public testing::TestWithParam<Form> {};

TEST_P(IpAddressForms, ParsesToTheCanonicalText) {
  const auto ip = IpAddress::parse(GetParam().in);
  ASSERT_EQ(ip.has_value(), GetParam().out != nullptr);
  if (ip) {
    EXPECT_EQ(ip->to_string(), GetParam().out);
  } else {
    EXPECT_EQ(ip.error().code, Errc::invalid);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, IpAddressForms,
    testing::Values(Form{"198.18.0.1", "198.18.0.1"}, Form{"2001:2::1", "2001:2::1"},
                    Form{"2001:0002:0:0:0:0:0:1", "2001:2::1"}, Form{"::", "::"},
                    Form{"::ffff:198.18.0.1", "198.18.0.1"},  // mapped is IPv4
                    Form{"", nullptr}, Form{"198.18.0", nullptr}, Form{"198.18.0.256", nullptr},
                    Form{"[::1]", nullptr}, Form{"fe80::1%eth0", nullptr},
                    Form{" 198.18.0.1", nullptr}, Form{"198.18.0.1 ", nullptr},
                    Form{"1.2.3.4.5", nullptr}, Form{"g::1", nullptr}));

TEST(IpAddress, RawBytesMustBeFourOrSixteen) {
  const std::uint8_t raw[17] = {198, 18, 0, 1};
  for (std::size_t size = 0; size <= sizeof(raw); ++size) {
    const auto ip = IpAddress::from_bytes(Bytes(raw, size));
    EXPECT_EQ(ip.has_value(), size == 4 || size == 16) << size;
  }
  EXPECT_EQ(IpAddress::from_bytes(Bytes(raw, 4))->to_string(), "198.18.0.1");
}

TEST(IpAddress, MappedBytesAreIpv4) {
  std::uint8_t raw[16] = {};
  raw[10] = raw[11] = 0xff;
  raw[12] = 198;
  raw[13] = 18;
  const auto ip = IpAddress::from_bytes(raw);
  ASSERT_TRUE(ip.has_value());
  EXPECT_TRUE(ip->is_v4());
  EXPECT_EQ(*ip, IpAddress::v4(198, 18, 0, 0));
  EXPECT_EQ(ip->bytes().size(), 4U);
}

TEST(IpAddress, KnowsLoopbackAndUnspecified) {
  EXPECT_TRUE(IpAddress::v4(127, 9, 9, 9).is_loopback());
  EXPECT_TRUE(IpAddress::v6_loopback().is_loopback());
  EXPECT_FALSE(IpAddress::v4(128, 0, 0, 1).is_loopback());
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_TRUE(IpAddress::v6_any().is_unspecified());
  EXPECT_FALSE(IpAddress::v6_loopback().is_unspecified());
}

class SocketAddressForms : public testing::TestWithParam<Form> {};

TEST_P(SocketAddressForms, ParsesToTheCanonicalText) {
  const auto address = SocketAddress::parse(GetParam().in);
  ASSERT_EQ(address.has_value(), GetParam().out != nullptr);
  if (address) {
    EXPECT_EQ(address->to_string(), GetParam().out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SocketAddressForms,
    testing::Values(Form{"198.18.0.1:80", "198.18.0.1:80"},
                    Form{"[2001:2::1]:443", "[2001:2::1]:443"},
                    Form{"[::ffff:198.18.0.1]:1", "198.18.0.1:1"}, Form{"198.18.0.1", nullptr},
                    Form{"198.18.0.1:", nullptr}, Form{"198.18.0.1:65536", nullptr},
                    Form{"198.18.0.1:-1", nullptr}, Form{"198.18.0.1:8x", nullptr},
                    Form{"2001:2::1:443", nullptr}, Form{"[2001:2::1]443", nullptr},
                    Form{"[2001:2::1", nullptr}, Form{":80", nullptr}, Form{"", nullptr}));

TEST(SocketAddress, GoesThroughNativeAndBack) {
  for (const char* text : {"198.18.0.1:80", "[2001:2::1]:443"}) {
    const auto address = *SocketAddress::parse(text);
    sockaddr_storage native{};
    const auto length = address.to_native(native);
    const auto back =
        SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, address);
  }
}

TEST(SocketAddress, Ipv4InAnIpv6SocketIsMappedAndComesBackAsIpv4) {
  const auto address = *SocketAddress::parse("198.18.0.1:80");
  sockaddr_storage native{};
  const auto length = address.to_native(native, AF_INET6);
  EXPECT_EQ(native.ss_family, AF_INET6);
  EXPECT_EQ(length, sizeof(sockaddr_in6));
  const auto back = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, address);
}

TEST(SocketAddress, OtherFamiliesAreRefused) {
  sockaddr native{};
  native.sa_family = AF_UNIX;
  EXPECT_FALSE(SocketAddress::from_native(&native, sizeof(native)).has_value());
}

TEST(IpPrefix, ContainsWhatItsBitsSay) {
  const auto prefix = *IpPrefix::parse("198.18.0.0/15");
  EXPECT_TRUE(prefix.contains(IpAddress::v4(198, 19, 255, 255)));
  EXPECT_FALSE(prefix.contains(IpAddress::v4(198, 20, 0, 0)));
  EXPECT_FALSE(prefix.contains(IpAddress::v6_loopback()));
  EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(IpAddress::v4(1, 2, 3, 4)));
  EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(IpAddress::v6_loopback()));
  const auto six = *IpPrefix::parse("2001:2::/48");
  EXPECT_TRUE(six.contains(*IpAddress::parse("2001:2:0:ffff::1")));
  EXPECT_FALSE(six.contains(*IpAddress::parse("2001:2:1::1")));
}

TEST(IpPrefix, DropsHostBitsAndChecksTheLength) {
  EXPECT_EQ(IpPrefix::parse("198.18.7.9/16")->to_string(), "198.18.0.0/16");
  EXPECT_EQ(IpPrefix::parse("198.18.7.9")->to_string(), "198.18.7.9/32");
  EXPECT_EQ(IpPrefix::parse("2001:2::1")->length(), 128U);
  for (const char* bad :
       {"198.18.0.0/33", "2001:2::/129", "198.18.0.0/", "198.18.0.0/-1", "198.18.0.0/1x", "/8", ""})
    EXPECT_FALSE(IpPrefix::parse(bad).has_value()) << bad;
}

TEST(IpAddress, HashesAlikeWhenEqual) {
  std::unordered_set<SocketAddress> seen;
  seen.insert(*SocketAddress::parse("198.18.0.1:80"));
  seen.insert(*SocketAddress::parse("[::ffff:198.18.0.1]:80"));
  seen.insert(*SocketAddress::parse("198.18.0.1:81"));
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace culvert
