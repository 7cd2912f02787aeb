#include "host/agent_socket.hpp"

#include "host/temporary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ctime>
#include <thread>

namespace culvert::host::testing {
namespace {

using namespace std::chrono_literals;

// No descriptor left for this process while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(LineServer, WaitsForDescriptorsWithoutSpinning) {
  const TemporaryDirectory directory;
  const std::string path = directory / "agent.sock";
  const auto server = LineServer::start(path, [](const std::string& line) { return line + "!"; });
  ASSERT_TRUE(server);
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const NoDescriptors none;
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    const auto before = std::clock();
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 10);
  }
  ASSERT_EQ(::send(client.get(), "there\n", 6, 0), 6);
  char answer[16] = {};
  ASSERT_EQ(::recv(client.get(), answer, sizeof answer, 0), 7);
  EXPECT_STREQ(answer, "there!\n");
}

}  // namespace
}  // namespace culvert::host::testing
