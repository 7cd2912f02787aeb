// What the rules do to real queries: the daemon's listener gets those of the programs, its own
// leave, and every answer comes from whom it was asked of.
#include "host/redirected.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace culvert::host::testing {
namespace {

struct Datagram {
  std::string text;
  SocketAddress from;
};

Datagram receive(const UniqueFd& socket) {
  std::array<char, 64> bytes{};
  sockaddr_storage native{};
  socklen_t length = sizeof(native);
  const auto got = ::recvfrom(socket.get(), bytes.data(), bytes.size(), 0,
                              reinterpret_cast<sockaddr*>(&native), &length);
  if (got < 0) return {std::string("nothing: ") + std::strerror(errno), {}};
  return {std::string(bytes.data(), static_cast<std::size_t>(got)),
          *SocketAddress::from_native(reinterpret_cast<sockaddr*>(&native), length)};
}

void send(const UniqueFd& socket, const SocketAddress& to, const std::string& text) {
  sockaddr_storage native{};
  const auto length = to.to_native(native);
  EXPECT_EQ(::sendto(socket.get(), text.data(), text.size(), 0,
                     reinterpret_cast<sockaddr*>(&native), length),
            static_cast<ssize_t>(text.size()));
}

void connect_to(const UniqueFd& socket, const SocketAddress& to) {
  sockaddr_storage native{};
  const auto length = to.to_native(native);
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&native), length), 0);
}

class RedirectedDns : public Redirected {
 protected:
  RedirectedDns() : Redirected({.dns = true}) {}
  void listen() override {
    daemon_ = bind_udp_in(*pod_, at(GetParam().loopback, 15053), kMark);
    server_ = bind_udp_in(*peer_, at(GetParam().any, 53));
    ASSERT_TRUE(daemon_ && server_);
  }
  SocketAddress resolver() const { return at(GetParam().peer, 53); }
  UniqueFd application(int mark = 0) const {
    return bind_udp_in(*pod_, at(GetParam().any, 0), mark);
  }
  // Answers the next query that `socket` gets, and says whose it is.
  static void answer(const UniqueFd& socket, const std::string& who) {
    const auto query = receive(socket);
    send(socket, query.from, who + " answers " + query.text);
  }

  UniqueFd daemon_;
  UniqueFd server_;
};

TEST_P(RedirectedDns, QueriesReachTheDaemonAndAnswersComeFromWhoWasAsked) {
  const auto socket = application();
  for (const auto* text : {"one", "two"}) {
    send(socket, resolver(), text);
    answer(daemon_, "daemon");
    const auto got = receive(socket);
    EXPECT_EQ(got.text, std::string("daemon answers ") + text);
    EXPECT_EQ(got.from, resolver());
  }
}

// The kernel hands a connected socket nothing from anybody else.
TEST_P(RedirectedDns, AConnectedSocketGetsItsAnswer) {
  const auto socket = application();
  connect_to(socket, resolver());
  ASSERT_EQ(::send(socket.get(), "one", 3, 0), 3);
  answer(daemon_, "daemon");
  EXPECT_EQ(receive(socket).text, "daemon answers one");
}

// As libc asks two servers by one socket.
TEST_P(RedirectedDns, OneSocketMayAskSeveralServers) {
  const auto other = at(GetParam().other, 53);
  const auto socket = application();
  for (const auto& target : {resolver(), other}) {
    send(socket, target, "q");
    answer(daemon_, "daemon");
    EXPECT_EQ(receive(socket).from, target);
  }
}

TEST_P(RedirectedDns, TheDaemonsOwnQueriesLeave) {
  const auto socket = application(kMark);
  send(socket, resolver(), "one");
  answer(server_, "server");
  const auto got = receive(socket);
  EXPECT_EQ(got.text, "server answers one");
  EXPECT_EQ(got.from, resolver());
}

// Both go from one address and port to one server: conntrack would take the second for the first,
// and send it to the daemon itself, had the daemon's own no zone for themselves.
TEST_P(RedirectedDns, TheDaemonMayAskFromThePortThatAProgramAskedFrom) {
  auto program = application();
  send(program, resolver(), "one");
  const auto query = receive(daemon_);
  send(daemon_, query.from, "daemon answers one");
  EXPECT_EQ(receive(program).text, "daemon answers one");
  program.reset();
  const auto own = bind_udp_in(*pod_, at(GetParam().any, query.from.port), kMark);
  ASSERT_TRUE(own);
  send(own, resolver(), "two");
  answer(server_, "server");
  const auto got = receive(own);
  EXPECT_EQ(got.text, "server answers two");
  EXPECT_EQ(got.from, resolver());
}

TEST_P(RedirectedDns, OverTcpItReachesTheDaemonToo) {
  const auto listener = listen_in(*pod_, 15053);
  const auto outbound = listen_in(*pod_, 15001);
  const auto client = connect_in(*pod_, resolver());
  ASSERT_TRUE(client);
  const auto accepted = accept_from(listener);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(original_destination(accepted), resolver());
}

TEST_P(RedirectedDns, TheDaemonsOwnTcpLeaves) {
  const auto server = listen_in(*peer_, 53);
  const auto client = connect_in(*pod_, resolver(), kMark);
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept_from(server));
}

// Whoever asks a resolver of its own on loopback, as with dnsmasq, asks that one.
TEST_P(RedirectedDns, LoopbackIsNotCaptured) {
  const auto own = bind_udp_in(*pod_, at(GetParam().loopback, 53));
  const auto socket = application();
  send(socket, at(GetParam().loopback, 53), "one");
  answer(own, "local");
  EXPECT_EQ(receive(socket).text, "local answers one");
}

TEST_P(RedirectedDns, OtherDatagramsAreNotCaptured) {
  const auto echo = bind_udp_in(*peer_, at(GetParam().any, 5353));
  const auto socket = application();
  send(socket, at(GetParam().peer, 5353), "one");
  answer(echo, "peer");
  EXPECT_EQ(receive(socket).text, "peer answers one");
}

// A DNS server in the pod: its clients' queries and its answers are nobody's business.
TEST_P(RedirectedDns, AServerInThePodGoesOnWorking) {
  const auto in_pod = bind_udp_in(*pod_, at(GetParam().any, 53));
  const auto client = bind_udp_in(*peer_, at(GetParam().any, 0));
  send(client, at(GetParam().pod, 53), "one");
  answer(in_pod, "pod");
  const auto got = receive(client);
  EXPECT_EQ(got.text, "pod answers one");
  EXPECT_EQ(got.from, at(GetParam().pod, 53));
}

TEST_P(RedirectedDns, EndsWithRemoval) {
  ASSERT_TRUE(remove_redirection(pod_->fd()));
  const auto socket = application();
  send(socket, resolver(), "one");
  answer(server_, "server");
  EXPECT_EQ(receive(socket).text, "server answers one");
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, RedirectedDns, ::testing::ValuesIn(kBothFamilies), name_of);

}  // namespace
}  // namespace culvert::host::testing
