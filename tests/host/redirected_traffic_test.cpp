// What the rules do to real connections between two namespaces, in both families.
#include "host/redirected.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace culvert::host::testing {
namespace {

class RedirectedTraffic : public Redirected {
 protected:
  RedirectedTraffic() : Redirected({}) {}
  void listen() override {
    outbound_ = listen_in(*pod_, 15001);
    inbound_ = listen_in(*pod_, 15006);
    hbone_ = listen_in(*pod_, 15008);
  }

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

INSTANTIATE_TEST_SUITE_P(BothFamilies, RedirectedTraffic, ::testing::ValuesIn(kBothFamilies),
                         name_of);

}  // namespace
}  // namespace culvert::host::testing
