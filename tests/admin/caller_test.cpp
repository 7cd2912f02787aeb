#include "admin/caller.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace culvert::admin {
namespace {

SocketAddress at(std::string_view text) { return *SocketAddress::parse(text); }

// What a machine of this byte order prints.
class FindUser : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::endian::native != std::endian::little) GTEST_SKIP() << "the tables are little-endian";
  }
};

constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 0100007F:3A98 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n"
    "   1: 0100007F:D2A4 0100007F:3A98 01 00000000:00000000 02:000A7214 00000000  1000        0 2\n"
    "   2: 0100007F:3A98 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000     0        0 3\n"
    "   3: 0100007F:D2A7 0100007F:3A98 05 00000000:00000000 03:000A7214 00000000     0        0 0 "
    "3\n"
    "   4: 0100007F:D2A8 0100007F:3A98 05 00000000:00000000 03:000A7214 00000000     0\n"
    "   5: 0100007F:D2A5 0100007F:3A98 01 00000000:00000000 00:00000000 00000000 x";

constexpr std::string_view kTable6 =
    "   0: 00000000000000000000000001000000:D2A4 00000000000000000000000001000000:3A98 01 "
    "00000000:00000000 00:00000000 00000000    33        0 2\n"
    "   1: 0000000000000000FFFF00000100007F:D2A6 0000000000000000FFFF00000100007F:3A98 01 "
    "00000000:00000000 00:00000000 00000000    34        0 2\n";

TEST_F(FindUser, IsTheClientsNotTheServers) {
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:53924"), at("127.0.0.1:15000")), 1000U);
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:15000"), at("127.0.0.1:53924")), 0U);
}

TEST_F(FindUser, KnowsBothFamiliesAndOneInTheOther) {
  EXPECT_EQ(find_user(kTable6, at("[::1]:53924"), at("[::1]:15000")), 33U);
  EXPECT_EQ(find_user(kTable6, at("127.0.0.1:53926"), at("127.0.0.1:15000")), 34U);
}

TEST_F(FindUser, NobodyIsNotSomebody) {
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:1"), at("127.0.0.1:15000")), std::nullopt);
  EXPECT_EQ(find_user(kTable, at("127.0.0.2:53924"), at("127.0.0.1:15000")), std::nullopt);
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:53925"), at("127.0.0.1:15000")), std::nullopt);
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:53927"), at("127.0.0.1:15000")), std::nullopt)
      << "closed: its owner is not root, but nobody";
  EXPECT_EQ(find_user(kTable, at("127.0.0.1:53928"), at("127.0.0.1:15000")), std::nullopt);
  EXPECT_EQ(find_user("", at("127.0.0.1:1"), at("127.0.0.1:15000")), std::nullopt);
  EXPECT_EQ(
      find_user(" 0100007F:D2A4 0100007F:3A98 ", at("127.0.0.1:53924"), at("127.0.0.1:15000")),
      std::nullopt);
}

}  // namespace
}  // namespace culvert::admin
