#include "control/zds/packet.hpp"

#include "proto/zds.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::control {
namespace {

namespace zds = istio::workload::zds;
using ::testing::HasSubstr;

std::string add(const std::string& uid) {
  zds::WorkloadRequest request;
  request.mutable_add()->set_uid(uid);
  auto* info = request.mutable_add()->mutable_workload_info();
  info->set_name("cart-0");
  info->set_namespace_("shop");
  info->set_service_account("cart");
  return request.SerializeAsString();
}

TEST(ZdsPacket, DecodesAdd) {
  const auto request = decode_zds_request(as_bytes(add("u1")));
  ASSERT_TRUE(request.has_value());
  const auto& value = std::get<AddRequest>(*request);
  EXPECT_EQ(value.uid, "u1");
  EXPECT_EQ(value.info, (WorkloadInfo{"cart-0", "shop", "cart"}));
}

std::string add_with_nameservers(const std::vector<std::string>& nameservers) {
  zds::WorkloadRequest request;
  EXPECT_TRUE(request.ParseFromString(add("u1")));
  auto* info = request.mutable_add()->mutable_workload_info();
  for (const auto& nameserver : nameservers) info->add_nameservers(nameserver);
  return request.SerializeAsString();
}

TEST(ZdsPacket, ReadsThePodsOwnNameservers) {
  const auto request =
      decode_zds_request(as_bytes(add_with_nameservers({"198.18.0.53", "2001:2::53"})));
  ASSERT_TRUE(request.has_value());
  EXPECT_THAT(std::get<AddRequest>(*request).info.nameservers,
              ::testing::ElementsAre(IpAddress::v4(198, 18, 0, 53),
                                     IpAddress::parse("2001:2::53").value()));
}

// The number is the wire format: 1000 is ours, whatever istio-cni may add below it.
TEST(ZdsPacket, FindsNameserversByTheirFieldNumber) {
  const std::string info = std::string("\xc2\x3e\x07", 3) + "1.2.3.4";
  const std::string body = std::string("\x0a\x01u\x12\x0a", 5) + info;
  const auto request = decode_zds_request(as_bytes("\x0a\x0f" + body));
  ASSERT_TRUE(request.has_value());
  EXPECT_THAT(std::get<AddRequest>(*request).info.nameservers,
              ::testing::ElementsAre(IpAddress::v4(1, 2, 3, 4)));
}

TEST(ZdsPacket, PassesOverNameserversThatAreNoAddressOrTooMany) {
  std::vector<std::string> many{"dns.example", "", "198.18.0.53:53", "fe80::1%eth0"};
  for (int i = 0; i < 20; ++i) many.push_back("198.18.0." + std::to_string(i));
  const auto request = decode_zds_request(as_bytes(add_with_nameservers(many)));
  ASSERT_TRUE(request.has_value());
  const auto& known = std::get<AddRequest>(*request).info.nameservers;
  ASSERT_EQ(known.size(), 8U);
  EXPECT_EQ(known.front(), IpAddress::v4(198, 18, 0, 0));
}

TEST(ZdsPacket, DecodesTheOthersByTheirFieldNumbers) {
  // Written out: the field numbers are the wire format (del.uid is field 2, keep is field 5).
  const auto del = decode_zds_request(as_bytes(std::string("\x12\x03\x12\x01u", 5)));
  ASSERT_TRUE(del.has_value());
  EXPECT_EQ(std::get<DelRequest>(*del).uid, "u");
  const auto keep = decode_zds_request(as_bytes(std::string("\x2a\x03\x0a\x01u", 5)));
  ASSERT_TRUE(keep.has_value());
  EXPECT_EQ(std::get<KeepRequest>(*keep).uid, "u");
  const auto snapshot = decode_zds_request(as_bytes(std::string("\x1a\x00", 2)));
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_TRUE(std::holds_alternative<SnapshotRequest>(*snapshot));
}

struct Bad {
  const char* name;
  std::string bytes;
  const char* why;
};

class BadZdsPacket : public ::testing::TestWithParam<Bad> {};

TEST_P(BadZdsPacket, IsRefused) {
  const auto request = decode_zds_request(as_bytes(GetParam().bytes));
  ASSERT_TRUE(request.has_error());
  EXPECT_EQ(request.error().code, Errc::protocol);
  EXPECT_THAT(request.error().detail, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadZdsPacket,
    ::testing::Values(Bad{"Junk", "\xff\xff\xff", "no workload request"},
                      Bad{"Empty", "", "unknown kind"},
                      Bad{"FutureKind", std::string("\x4a\x00", 2), "unknown kind"},
                      Bad{"AddWithoutInfo", std::string("\x0a\x03\x0a\x01u", 5), "workload info"},
                      Bad{"AddWithoutUid", std::string("\x0a\x02\x12\x00", 4), "without uid"},
                      Bad{"DelWithoutUid", std::string("\x12\x00", 2), "without uid"},
                      Bad{"KeepWithoutUid", std::string("\x2a\x00", 2), "without uid"},
                      Bad{"CutOff", add("u1").substr(0, 9), "no workload request"}),
    [](const auto& test) { return test.param.name; });

TEST(ZdsPacket, HelloIsVersionOne) { EXPECT_EQ(encode_zds_hello(), std::string("\x08\x01", 2)); }

TEST(ZdsPacket, AckAlwaysFitsTheAgentsBuffer) {
  for (const std::size_t size :
       {0UL, 1UL, 127UL, 1000UL, 1015UL, 1016UL, 1017UL, 1024UL, 100000UL}) {
    const auto packet = encode_zds_ack(std::string(size, 'x'));
    EXPECT_LE(packet.size(), kMaxAck) << size;
    zds::WorkloadResponse response;
    ASSERT_TRUE(response.ParseFromString(packet));
    ASSERT_TRUE(response.has_ack());
    EXPECT_EQ(response.ack().error().size(), std::min(size, kMaxAck - 8));
  }
}

TEST(ZdsPacket, AckIsAlwaysReadableText) {
  zds::WorkloadResponse response;
  ASSERT_TRUE(response.ParseFromString(encode_zds_ack("a\xff\n\xc3z")));
  EXPECT_EQ(response.ack().error(), "a???z");
}

}  // namespace
}  // namespace culvert::control
