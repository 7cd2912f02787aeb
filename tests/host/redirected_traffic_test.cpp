// What the rules do to real connections between two namespaces, in both families.
#include "culvert/host/redirection.hpp"
#include "host/sandbox.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <tuple>

namespace culvert::host::testing {
namespace {

constexpr int kMark = 0x539;

struct Addresses {
  const char* family;
  std::string peer;
  std::string pod;
  std::string loopback;
};

class RedirectedTraffic : public ::testing::TestWithParam<Addresses> {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "needs root: makes network namespaces of its own";
    peer_.emplace();
    pod_.emplace();
    join(*peer_, *pod_);
    ASSERT_TRUE(install_redirection(pod_->fd(), {}));
    outbound_ = listen_in(*pod_, 15001);
    inbound_ = listen_in(*pod_, 15006);
    hbone_ = listen_in(*pod_, 15008);
  }
  static SocketAddress at(const std::string& ip, int port) {
    return addr(ip + ":" + std::to_string(port));
  }

  std::optional<Sandbox> peer_;
  std::optional<Sandbox> pod_;
  UniqueFd outbound_;
  UniqueFd inbound_;
  UniqueFd hbone_;
};

TEST_P(RedirectedTraffic, OutboundReachesTheDaemonWithItsOriginalDestination) {
  const auto target = at(GetParam().peer, 80);
  const auto client = connect_in(*pod_, target);
  ASSERT_TRUE(client);
  const auto accepted = accept_from(outbound_);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(original_destination(accepted), target);
}

TEST_P(RedirectedTraffic, TheDaemonsOwnConnectionsLeave) {
  const auto server = listen_in(*peer_, 8080);
  const auto client = connect_in(*pod_, at(GetParam().peer, 8080), kMark);
  ASSERT_TRUE(client);
  const auto accepted = accept_from(server);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_of(accepted).ip.to_string(), at(GetParam().pod, 1).ip.to_string());
}

TEST_P(RedirectedTraffic, InboundReachesTheDaemonWithItsOriginalDestination) {
  const auto target = at(GetParam().pod, 8080);
  const auto client = connect_in(*peer_, target);
  ASSERT_TRUE(client);
  const auto accepted = accept_from(inbound_);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(original_destination(accepted), target);
}

TEST_P(RedirectedTraffic, TunnelsAreNotRedirected) {
  const auto client = connect_in(*peer_, at(GetParam().pod, 15008));
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept_from(hbone_));
}

TEST_P(RedirectedTraffic, LoopbackIsNotRedirected) {
  const auto server = listen_in(*pod_, 8080);
  const auto client = connect_in(*pod_, at(GetParam().loopback, 8080));
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept_from(server));
}

TEST_P(RedirectedTraffic, ThePodsOwnAddressIsNotRedirected) {
  const auto server = listen_in(*pod_, 8080);
  const auto client = connect_in(*pod_, at(GetParam().pod, 8080));
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept_from(server));
}

TEST_P(RedirectedTraffic, EndsWithRemoval) {
  ASSERT_TRUE(remove_redirection(pod_->fd()));
  const auto server = listen_in(*pod_, 8080);
  const auto client = connect_in(*peer_, at(GetParam().pod, 8080));
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept_from(server));
}

// Connects as the daemon does towards the application: from the client's own address.
UniqueFd connect_as(const Sandbox& where, const SocketAddress& source, const SocketAddress& to) {
  UniqueFd fd;
  const auto made = run_in_netns(where.fd(), [&]() -> Result<void> {
    sockaddr_storage from{};
    sockaddr_storage target{};
    const auto from_length = source.to_native(from);
    const auto target_length = to.to_native(target);
    fd.reset(::socket(from.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const timeval limit{2, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &kMark, sizeof(kMark));
    if (source.ip.is_v4())
      ::setsockopt(fd.get(), IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
    else
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&from), from_length) != 0 ||
        ::connect(fd.get(), reinterpret_cast<sockaddr*>(&target), target_length) != 0)
      return fail_errno("connect", errno);
    return {};
  });
  EXPECT_TRUE(made) << (made ? "" : made.error().detail);
  return fd;
}

TEST_P(RedirectedTraffic, TheApplicationSeesTheClientsAddressAndItsAnswersComeBack) {
  const auto application = listen_in(*pod_, 8080);
  const auto daemon = connect_as(*pod_, at(GetParam().peer, 0), at(GetParam().pod, 8080));
  ASSERT_TRUE(daemon);
  const auto accepted = accept_from(application);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_of(accepted).ip, at(GetParam().peer, 1).ip);
  ASSERT_EQ(::send(accepted.get(), "hello", 5, 0), 5);
  std::array<char, 8> answer{};
  EXPECT_EQ(::recv(daemon.get(), answer.data(), answer.size(), 0), 5);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, RedirectedTraffic,
                         ::testing::Values(Addresses{"v4", "198.18.7.1", "198.18.7.2", "127.0.0.1"},
                                           Addresses{"v6", "[2001:2:0:7::1]", "[2001:2:0:7::2]",
                                                     "[::1]"}),
                         [](const auto& test) { return std::string(test.param.family); });

}  // namespace
}  // namespace culvert::host::testing
