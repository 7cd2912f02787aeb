// Handshakes that the network ends, not TLS: what the caller is told decides the response flag.
#include "culvert/hbone/secure.hpp"

#include "hbone/mesh_pair.hpp"

namespace culvert::hbone {
namespace {

using namespace std::chrono_literals;

class SecureTest : public testing::MeshPair {
 protected:
  // The failure of a dial to a peer that does `act` with the connection instead of shaking hands.
  Error failure(const std::function<void(UniqueFd)>& act) {
    auto fd = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
    auto to = key();
    to.destination = *net::local_address(fd->get());
    net::Listener peer(worker, std::move(*fd), "peer",
                       [&](UniqueFd client, const SocketAddress&) { act(std::move(client)); });
    EXPECT_TRUE(peer.start().has_value());
    auto& client = open(to);
    run_until([&] { return client.answer.has_value(); });
    return client.answer->has_error() ? client.answer->error() : Error(Errc::invalid, "answered");
  }
};

TEST_F(SecureTest, APeerThatClosesHasClosed) {
  std::vector<UniqueFd> held;
  const Error error = failure([&](UniqueFd client) {
    ::shutdown(client.get(), SHUT_WR);
    held.push_back(std::move(client));
  });
  EXPECT_EQ(error.code, Errc::closed) << error.detail;
}

TEST_F(SecureTest, APeerThatResetsHasReset) {
  const Error error = failure([](UniqueFd client) { net::reset_on_close(client.get()); });
  EXPECT_EQ(error.code, Errc::reset) << error.detail;
}

// Not the code of a connect that nobody answers: that one hints at a NetworkPolicy.
TEST_F(SecureTest, APeerThatSaysNothingIsUnavailable) {
  TunnelSettings settings;
  settings.handshake_timeout = 50ms;
  start(settings);
  std::vector<UniqueFd> held;
  const Error error = failure([&](UniqueFd client) { held.push_back(std::move(client)); });
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_EQ(error.detail, "TLS handshake timed out");
}

TEST_F(SecureTest, APeerThatSpeaksNonsenseFailsTls) {
  std::vector<UniqueFd> held;
  const Error error = failure([&](UniqueFd client) {
    EXPECT_EQ(::send(client.get(), "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 28);
    held.push_back(std::move(client));
  });
  EXPECT_EQ(error.code, Errc::tls) << error.detail;
}

}  // namespace
}  // namespace culvert::hbone
