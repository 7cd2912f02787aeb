#include "culvert/net/listener.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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

// No descriptor can be made while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd lowest_free(::dup(0));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(Listener, OutOfDescriptorsItSaysSoOnceASecondAndGoesOn) {
  Worker worker(0);
  Accepting first(worker);
  Accepting second(worker);
  const UniqueFd one = first.connect();
  const UniqueFd two = second.connect();
  ::testing::internal::CaptureStderr();
  {
    const NoDescriptors none;
    const auto end = Clock::now() + 1200ms;
    worker.run_until([&] { return Clock::now() > end; });
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
  EXPECT_NE(said.find("left_out="), std::string::npos) << said;
  EXPECT_TRUE(first.clients.empty());
  const auto deadline = Clock::now() + 10s;
  worker.run_until([&] {
    return Clock::now() > deadline || (first.clients.size() == 1 && second.clients.size() == 1);
  });
  EXPECT_EQ(first.clients.size(), 1U);
  EXPECT_EQ(second.clients.size(), 1U);
}

}  // namespace
}  // namespace culvert::net
