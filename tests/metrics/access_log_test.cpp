#include "culvert/metrics/access_log.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <string>

namespace culvert::metrics {
namespace {

// What `record` writes, without the time; plain output.
std::string line_of(const AccessRecord& record, std::string_view filter) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  EXPECT_TRUE(log::set_filter(filter).has_value());
  log::start(log::Format::plain, write.get());
  write_access(record);
  log::stop();
  EXPECT_TRUE(log::set_filter("info").has_value());
  write.reset();
  char buffer[4096];
  const auto n = ::read(read.get(), buffer, sizeof(buffer));
  const std::string line(buffer, static_cast<std::size_t>(n));
  return line.empty() ? line : line.substr(line.find('\t') + 1);
}

AccessRecord full() {
  AccessRecord record;
  record.source = {SocketAddress::parse("198.18.0.6:41000").value(), "front-0", "shop",
                   "spiffe://cluster.local/ns/shop/sa/front", "Kubernetes"};
  record.destination = {SocketAddress::parse("[2001:2::9]:15008").value(), "cart-0", "shop",
                        "spiffe://cluster.local/ns/shop/sa/cart", "Kubernetes"};
  record.destination_hbone = "[2001:2::9]:8080";
  record.destination_service = "cart.shop.svc.cluster.local";
  record.received_bytes = 100;
  record.sent_bytes = 2000;
  record.duration = std::chrono::milliseconds(12);
  return record;
}

constexpr std::string_view kEnds =
    "src.addr=198.18.0.6:41000 src.workload=\"front-0\" src.namespace=\"shop\" "
    "src.identity=\"spiffe://cluster.local/ns/shop/sa/front\" src.cluster=\"Kubernetes\" "
    "dst.addr=[2001:2::9]:15008 dst.hbone_addr=[2001:2::9]:8080 "
    "dst.service=\"cart.shop.svc.cluster.local\" dst.workload=\"cart-0\" dst.namespace=\"shop\" "
    "dst.identity=\"spiffe://cluster.local/ns/shop/sa/cart\" dst.cluster=\"Kubernetes\" ";

TEST(AccessLog, OutboundComplete) {
  EXPECT_EQ(line_of(full(), "info"),
            "info\taccess\tconnection complete\t" + std::string(kEnds) +
                "direction=\"outbound\" bytes_sent=100 bytes_recv=2000 duration=\"12ms\"\n");
}

TEST(AccessLog, InboundSwapsTheBytes) {
  auto record = full();
  record.reporter = Reporter::destination;
  EXPECT_EQ(line_of(record, "info"),
            "info\taccess\tconnection complete\t" + std::string(kEnds) +
                "direction=\"inbound\" bytes_sent=2000 bytes_recv=100 duration=\"12ms\"\n");
}

TEST(AccessLog, AFailureIsAnErrorWithItsText) {
  auto record = full();
  record.error = "http status: 401 Unauthorized";
  EXPECT_EQ(line_of(record, "error"),
            "error\taccess\tconnection complete\t" + std::string(kEnds) +
                "direction=\"outbound\" bytes_sent=100 bytes_recv=2000 duration=\"12ms\" "
                "error=\"http status: 401 Unauthorized\"\n");
}

TEST(AccessLog, OpenedHasNoNumbers) {
  auto record = full();
  record.event = AccessEvent::opened;
  EXPECT_EQ(line_of(record, "access=debug"),
            "debug\taccess\tconnection opened\t" + std::string(kEnds) + "direction=\"outbound\"\n");
  EXPECT_EQ(line_of(record, "info"), "");
}

TEST(AccessLog, DeniedShowsAddressesOnly) {
  auto record = full();
  record.event = AccessEvent::denied;
  record.reporter = Reporter::destination;
  record.error =
      "connection closed due to policy rejection: allow policies exist, but none allowed";
  EXPECT_EQ(line_of(record, "info"),
            "warn\taccess\tconnection failed\tsrc.addr=198.18.0.6:41000 "
            "dst.addr=[2001:2::9]:15008 direction=\"inbound\" error=\"connection closed due to "
            "policy rejection: allow policies exist, but none allowed\"\n");
}

TEST(AccessLog, UnknownFieldsAreLeftOut) {
  AccessRecord record;
  record.source.address = SocketAddress::parse("198.18.0.6:1").value();
  EXPECT_EQ(line_of(record, "info"),
            "info\taccess\tconnection complete\tsrc.addr=198.18.0.6:1 direction=\"outbound\" "
            "bytes_sent=0 bytes_recv=0 duration=\"0ms\"\n");
}

TEST(AccessLog, TheLongestAddressFits) {
  AccessRecord record;
  const std::string longest = "[2001:2:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535";
  record.source.address = SocketAddress::parse(longest).value();
  EXPECT_NE(line_of(record, "info").find("src.addr=" + longest + " "), std::string::npos);
}

TEST(AccessLog, AsksTheFilter) {
  ASSERT_TRUE(log::set_filter("access=error").has_value());
  EXPECT_FALSE(access_enabled(AccessEvent::complete));
  EXPECT_TRUE(access_enabled(AccessEvent::complete, true));
  EXPECT_FALSE(access_enabled(AccessEvent::denied));
  ASSERT_TRUE(log::set_filter("info").has_value());
  EXPECT_TRUE(access_enabled(AccessEvent::complete));
  EXPECT_TRUE(access_enabled(AccessEvent::denied));
  EXPECT_FALSE(access_enabled(AccessEvent::opened));
}

}  // namespace
}  // namespace culvert::metrics
