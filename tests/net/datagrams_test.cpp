// One socket that answers: batches, fairness, and leaving a group of sockets without losing any.
#include "culvert/net/datagrams.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "culvert/net/datagram.hpp"

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

const SocketAddress kLoopback{IpAddress::v4_loopback(), 0};

UniqueFd bound(const SocketAddress& address) {
  auto fd = bind_udp({}, address, {}, true);
  EXPECT_TRUE(fd.has_value()) << fd.error().detail;
  return std::move(*fd);
}

UniqueFd client_of(const SocketAddress& server) {
  const auto here = NetnsGuard::enter({});
  auto fd = connect_udp(*here, server, {});
  EXPECT_TRUE(fd.has_value()) << fd.error().detail;
  return std::move(*fd);
}

std::string receive(const UniqueFd& fd) {
  std::array<std::uint8_t, 65536> buffer;
  const auto got = receive_datagram(fd.get(), buffer);
  return got.what == Received::one ? std::string(as_text(Bytes(buffer).first(got.size))) : "";
}

std::vector<std::uint8_t> message(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// Says back what it hears, at once or when it is told.
class Parrot final : public DatagramOwner {
 public:
  void on_datagram(Datagrams& socket, Bytes bytes, const ReturnPath& from) override {
    heard.emplace_back(as_text(bytes));
    paths.push_back(from);
    ++of_batch;
    if (at_once) socket.answer(from, {bytes.begin(), bytes.end()});
  }
  void on_datagrams_read() override {
    largest_batch = std::max(largest_batch, of_batch);
    if (of_batch != 0) ++batches;
    of_batch = 0;
  }

  bool at_once = true;
  std::vector<std::string> heard;
  std::vector<ReturnPath> paths;
  std::size_t of_batch = 0;
  std::size_t largest_batch = 0;
  std::size_t batches = 0;
};

class DatagramsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Datagrams> serve(const SocketAddress& address, Parrot& owner) {
    auto socket = bound(address);
    address_ = *local_address(socket.get());
    auto made = std::make_unique<Datagrams>(worker_, std::move(socket), owner);
    EXPECT_TRUE(made->start().has_value());
    return made;
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + 10s;
    worker_.run_until([&] { return done() || Clock::now() > deadline; });
    EXPECT_TRUE(done()) << "nothing happens any more";
  }
  void some_turns(int n = 5) {
    worker_.run_until([&n] { return n-- == 0; });
  }

  Worker worker_{0};
  Parrot parrot_;
  SocketAddress address_;
};

TEST_F(DatagramsTest, AnswersGoToWhoAsked) {
  const auto socket = serve(kLoopback, parrot_);
  const auto one = client_of(address_), two = client_of(address_);
  ASSERT_TRUE(send_datagram(one.get(), as_bytes("one")).has_value());
  ASSERT_TRUE(send_datagram(two.get(), as_bytes("two")).has_value());
  run_until([&] { return parrot_.heard.size() == 2; });
  some_turns();
  EXPECT_EQ(receive(one), "one");
  EXPECT_EQ(receive(two), "two");
  EXPECT_EQ(parrot_.paths[0].peer, *local_address(one.get()));
  EXPECT_FALSE(parrot_.paths[0].own.has_value());
  EXPECT_EQ(socket->dropped(), 0U);
}

TEST_F(DatagramsTest, AFloodGetsItsShareOfATurnAndNoMore) {
  const auto socket = serve(kLoopback, parrot_);
  const auto client = client_of(address_);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(send_datagram(client.get(), as_bytes("x")));
  // Something else that wants every turn: it comes between two batches.
  std::set<std::size_t> seen_between;
  worker_.run_until([&] {
    seen_between.insert(parrot_.heard.size());
    return parrot_.heard.size() == 100;
  });
  EXPECT_EQ(parrot_.largest_batch, Datagrams::kBatch);
  constexpr std::size_t kTurns = (100 + Datagrams::kBatch - 1) / Datagrams::kBatch;
  EXPECT_EQ(parrot_.batches, kTurns);
  EXPECT_GE(seen_between.size(), kTurns) << "several batches in one turn";
  some_turns();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(receive(client), "x") << i;
}

TEST_F(DatagramsTest, WhatIsTooLongIsCutOff) {
  const auto socket = serve(kLoopback, parrot_);
  const auto client = client_of(address_);
  ASSERT_TRUE(send_datagram(client.get(), as_bytes(std::string(60000, 'x'))));
  ASSERT_TRUE(send_datagram(client.get(), {}));
  run_until([&] { return parrot_.heard.size() == 2; });
  EXPECT_EQ(parrot_.heard[0].size(), Datagrams::kLongest);
  EXPECT_EQ(parrot_.heard[1], "");
}

TEST_F(DatagramsTest, AnAnswerThatCannotGoOutIsDroppedAndTheOthersGo) {
  parrot_.at_once = false;
  const auto socket = serve(kLoopback, parrot_);
  const auto client = client_of(address_);
  const ReturnPath path{*local_address(client.get()), std::nullopt};
  socket->answer(path, message("first"));
  socket->answer(path, std::vector<std::uint8_t>(70000));  // longer than a datagram can be
  socket->answer({{IpAddress::v4(240, 0, 0, 1), 9}, std::nullopt}, message("nowhere"));
  socket->answer(path, message("last"));
  some_turns();
  EXPECT_EQ(receive(client), "first");
  EXPECT_EQ(receive(client), "last");
  EXPECT_GE(socket->dropped(), 1U);
}

TEST_F(DatagramsTest, AnswersComeFromTheAddressThatWasAsked) {
  for (const auto& any : {IpAddress(), IpAddress::v6_any()}) {
    const auto socket = serve({any, 0}, parrot_);
    const SocketAddress asked{IpAddress::v4(127, 0, 0, 9), address_.port};
    const auto client = client_of(asked);
    parrot_.heard.clear();
    ASSERT_TRUE(send_datagram(client.get(), as_bytes("hello")));
    run_until([&] { return !parrot_.heard.empty(); });
    some_turns();
    EXPECT_EQ(receive(client), "hello") << any.to_string();
    EXPECT_EQ(parrot_.paths.back().own, asked.ip);
  }
}

// Clients with many source ports, since the kernel spreads by them.
std::vector<UniqueFd> clients(const SocketAddress& server, std::size_t count) {
  std::vector<UniqueFd> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(client_of(server));
  return all;
}

class DatagramsGroup : public DatagramsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void leave_while_asked(const SocketAddress& address);
};

// The rolling replacement: whoever leaves answers what it has, also later, and all that comes from
// then on is the other's.
void DatagramsGroup::leave_while_asked(const SocketAddress& address) {
  Parrot next;
  parrot_.at_once = false;
  auto leaving = serve(address, parrot_);
  const SocketAddress shared{address.ip.is_unspecified() ? IpAddress::v4_loopback() : address.ip,
                             address_.port};
  const auto staying = serve({address.ip, address_.port}, next);
  const auto asking = clients(shared, 40);
  for (const auto& one : asking) ASSERT_TRUE(send_datagram(one.get(), as_bytes("before")));
  leaving->stop_receiving();  // with datagrams in its buffer
  const auto of_leaving = parrot_.heard.size();
  EXPECT_GT(of_leaving, 0U) << "the kernel has spread nothing";
  EXPECT_LT(of_leaving, 40U);
  for (const auto& one : asking) ASSERT_TRUE(send_datagram(one.get(), as_bytes("after")));
  const auto more = clients(shared, 40);
  for (const auto& one : more) ASSERT_TRUE(send_datagram(one.get(), as_bytes("after")));
  run_until([&] { return next.heard.size() == 40 - of_leaving + 80; });
  EXPECT_EQ(parrot_.heard.size(), of_leaving) << "it still gets some";
  for (std::size_t i = 0; i < of_leaving; ++i) leaving->answer(parrot_.paths[i], message("late"));
  some_turns();
  std::size_t late = 0, answered = 0;
  for (const auto& one : asking) {
    for (std::string text = receive(one); !text.empty(); text = receive(one)) {
      ++answered;
      if (text == "late") ++late;
    }
  }
  EXPECT_EQ(late, of_leaving);
  EXPECT_EQ(answered, 80U);
  EXPECT_EQ(leaving->dropped(), 0U);
}

TEST_P(DatagramsGroup, LosesNothingWhenOneLeaves) {
  leave_while_asked({*IpAddress::parse(GetParam()), 0});
}
INSTANTIATE_TEST_SUITE_P(Addresses, DatagramsGroup,
                         ::testing::Values("127.0.0.1", "::1", "0.0.0.0", "::"));

TEST_F(DatagramsTest, NobodyElseThereMeansRefused) {
  const auto socket = serve(kLoopback, parrot_);
  const auto client = client_of(address_);
  socket->stop_receiving();
  ASSERT_TRUE(send_datagram(client.get(), as_bytes("too late")));
  some_turns();
  std::array<std::uint8_t, 16> buffer;
  EXPECT_EQ(receive_datagram(client.get(), buffer).what, Received::failed);
  EXPECT_TRUE(parrot_.heard.empty());
}

TEST(DatagramTest, AnAddressThatIsNotHereIsUnsupported) {
  const auto fd = bind_udp({}, {IpAddress::v4(192, 0, 2, 1), 0}, {}, true);
  ASSERT_FALSE(fd.has_value());
  EXPECT_EQ(fd.error().code, Errc::unsupported);
}

TEST(DatagramTest, APortIsSharedOnlyWhereAsked) {
  const auto first = bind_udp({}, kLoopback, {}, false);
  ASSERT_TRUE(first.has_value());
  const auto second = bind_udp({}, *local_address(first->get()), {}, false);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().detail.find("bind UDP 127.0.0.1:"), std::string::npos);
}

TEST(DatagramTest, EverySocketHasTheMark) {
  SocketOptions options;
  options.mark = 1337;
  const auto here = NetnsGuard::enter({});
  const auto answering = bind_udp({}, kLoopback, options, true);
  if (!answering && answering.error().code == Errc::permission) GTEST_SKIP() << "not root";
  const auto asking = connect_udp(*here, *local_address(answering->get()), options);
  for (const int fd : {answering->get(), asking->get()}) {
    std::uint32_t mark = 0;
    socklen_t length = sizeof mark;
    ASSERT_EQ(::getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length), 0);
    EXPECT_EQ(mark, 1337U);
  }
}

}  // namespace
}  // namespace culvert::net
