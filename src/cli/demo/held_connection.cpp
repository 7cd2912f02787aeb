#include "cli/demo/held_connection.hpp"

#include "culvert/host/netns.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace culvert::cli::demo {
namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: server\r\n\r\n";
constexpr std::string_view kGood = "HTTP/1.1 200 ";
constexpr int kPatienceSeconds = 5;

}  // namespace

Result<HeldConnection> HeldConnection::open(int netns_fd, const SocketAddress& to) {
  UniqueFd socket;
  const auto connected = host::run_in_netns(netns_fd, [&]() -> Result<void> {
    sockaddr_storage native{};
    const auto length = to.to_native(native);
    socket.reset(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return fail_errno("make a socket", errno);
    const timeval limit{kPatienceSeconds, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&native), length) != 0)
      return fail_errno("connect to " + to.to_string(), errno);
    return {};
  });
  if (!connected) return connected.error();
  return HeldConnection(std::move(socket));
}

bool HeldConnection::ask() {
  if (::send(socket_.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return false;
  // The answer is one short write, so its first bytes come together; the rest is of no interest.
  std::array<char, 4096> answer{};
  const auto length = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  return length > 0 &&
         std::string_view(answer.data(), static_cast<std::size_t>(length)).starts_with(kGood);
}

bool HeldConnection::ended_within(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::array<char, 4096> rest{};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
    if (::recv(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT) <= 0) return true;
  }
}

}  // namespace culvert::cli::demo
