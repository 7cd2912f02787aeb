#include "culvert/net/listener.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <string>
#include <vector>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

// A listener on a free loopback port that keeps what it accepts.
struct Accepting {
  explicit Accepting(Worker& worker) {
    auto fd = listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
    EXPECT_TRUE(fd.has_value());
    address = *local_address(fd->get());
    listener = std::make_unique<Listener>(worker, std::move(*fd), "test",
                                          [this](UniqueFd accepted, const SocketAddress&) {
                                            clients.push_back(std::move(accepted));
                                          });
    EXPECT_TRUE(listener->start().has_value());
  }
  // A client that the kernel has let in, whether or not anybody has accepted it.
  UniqueFd connect() const {
    auto fd = dial_socket({}, address, std::nullopt, {});
    EXPECT_TRUE(fd.has_value());
    const auto begun = start_connect(fd->get(), address);
    if (!begun || !connect_result(fd->get())) return {};
    return std::move(*fd);
  }
  SocketAddress address;
  std::vector<UniqueFd> clients;
  std::unique_ptr<Listener> listener;
};

TEST(Listener, ServesWhoIsConnectedWhenItCloses) {
  Worker worker(0);
  Accepting accepting(worker);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(accepting.connect());
  accepting.listener->close();
  EXPECT_EQ(accepting.clients.size(), clients.size());
  EXPECT_FALSE(accepting.connect());
}

}  // namespace
}  // namespace culvert::net
