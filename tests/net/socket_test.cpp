// The options that TCP sockets are made with, as the kernel tells them.
#include "culvert/net/socket.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <limits>
#include <string>
#include <string_view>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

const SocketAddress kLoopback{IpAddress::v4_loopback(), 0};

int option(const UniqueFd& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd.get(), level, name, &value, &length), 0);
  return value;
}

// Every kind of socket that a pod has, made with the same options.
struct Sockets {
  explicit Sockets(const SocketOptions& options) {
    auto made = listen_tcp({}, kLoopback, options, {});
    EXPECT_TRUE(made.has_value());
    const auto address = *local_address(made->get());
    listener = std::move(*made);
    auto dialling = dial_socket({}, address, std::nullopt, options);
    EXPECT_TRUE(dialling.has_value());
    dialled = std::move(*dialling);
    EXPECT_TRUE(start_connect(dialled.get(), address).has_value());
    pollfd ready{.fd = listener.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&ready, 1, 5000), 1);
    accepted.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(accepted);
    prepare_accepted(accepted.get(), options.keepalive);
  }
  UniqueFd listener;
  UniqueFd dialled;
  UniqueFd accepted;
};

void expect_keepalive(const UniqueFd& fd, int time, int interval, int retries) {
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), time);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), retries);
}

TEST(KeepAlive, IsOnByDefaultAtBothEnds) {
  const Sockets sockets{SocketOptions{}};
  for (const auto* fd : {&sockets.dialled, &sockets.accepted}) {
    expect_keepalive(*fd, 180, 180, 9);
    EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  }
}

TEST(KeepAlive, TakesItsNumbersFromTheSettings) {
  SocketOptions options;
  options.keepalive = {.enabled = true, .time = 70s, .interval = 7s, .retries = 3};
  const Sockets sockets(options);
  expect_keepalive(sockets.dialled, 70, 7, 3);
  expect_keepalive(sockets.accepted, 70, 7, 3);
}

TEST(KeepAlive, UserTimeoutEndsWithTheLastProbe) {
  SocketOptions options;
  options.keepalive = {
      .enabled = true, .time = 70s, .interval = 7s, .retries = 3, .user_timeout = true};
  const Sockets sockets(options);
  for (const auto* fd : {&sockets.dialled, &sockets.accepted}) {
    expect_keepalive(*fd, 70, 7, 3);
    EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 91'000);
  }
}

TEST(KeepAlive, UserTimeoutStopsAtWhatTheKernelTakes) {
  SocketOptions options;  // the largest that the settings allow: 48 days
  options.keepalive = {
      .enabled = true, .time = 32767s, .interval = 32767s, .retries = 127, .user_timeout = true};
  const Sockets sockets(options);
  for (const auto* fd : {&sockets.dialled, &sockets.accepted}) {
    EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT), std::numeric_limits<int>::max());
  }
}

TEST(KeepAlive, CanBeOff) {
  SocketOptions options;
  options.keepalive.enabled = false;
  options.keepalive.user_timeout = true;  // has no effect then, which the start says
  const Sockets sockets(options);
  for (const auto* fd : {&sockets.dialled, &sockets.accepted}) {
    EXPECT_EQ(option(*fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  }
}

TEST(SocketOptions, NothingWaitsForMoreBytes) {
  const Sockets sockets{SocketOptions{}};
  EXPECT_EQ(option(sockets.dialled, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(sockets.accepted, IPPROTO_TCP, TCP_NODELAY), 1);
}

std::string congestion_control(const UniqueFd& fd) {
  char name[16] = {};
  socklen_t length = sizeof name;
  EXPECT_EQ(::getsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
  return name;
}

bool set_congestion_control(const UniqueFd& fd, std::string_view name) {
  return ::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                      static_cast<socklen_t>(name.size())) == 0;
}

TEST(SkipPacing, TakesBbrAway) {
  const Sockets sockets{SocketOptions{}};
  if (!set_congestion_control(sockets.dialled, "bbr")) {
    GTEST_SKIP() << "no bbr: see net.ipv4.tcp_available_congestion_control";
  }
  skip_pacing(sockets.dialled.get());
  EXPECT_EQ(congestion_control(sockets.dialled), "reno");
}

TEST(SkipPacing, LeavesWhatDoesNotPace) {
  const Sockets sockets{SocketOptions{}};
  for (const std::string_view name : {"reno", "cubic"}) {
    if (!set_congestion_control(sockets.dialled, name)) continue;  // cubic is not in every kernel
    skip_pacing(sockets.dialled.get());
    EXPECT_EQ(congestion_control(sockets.dialled), name);
  }
}

// Whoever falls back to IPv4 must not do so because somebody else has the port.
TEST(ListenTcp, TellsATakenPortFromAnAddressThatIsNotToBeHad) {
  const auto first = listen_tcp({}, kLoopback, {}, ListenOptions{.reuse_port = false});
  ASSERT_TRUE(first.has_value());
  const auto taken = listen_tcp({}, *local_address(first->get()), {}, {});
  ASSERT_TRUE(taken.has_error());
  EXPECT_EQ(taken.error().code, Errc::io);
  const auto elsewhere = listen_tcp({}, SocketAddress{*IpAddress::parse("198.18.0.1"), 0}, {}, {});
  ASSERT_TRUE(elsewhere.has_error());
  EXPECT_EQ(elsewhere.error().code, Errc::unsupported);
}

}  // namespace
}  // namespace culvert::net
