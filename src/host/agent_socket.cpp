#include "host/agent_socket.hpp"

#include "host/seqpacket.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace culvert::host {
namespace {

constexpr std::size_t kMaxRequest = 64 * 1024;
constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;
constexpr int kPauseMs = 100;

void limit_waiting(int socket, int seconds) {
  const timeval limit{seconds, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

// Up to the first newline, or the end of the stream.
Result<std::string> read_line(int socket, std::size_t limit) {
  std::string line;
  std::array<char, 4096> part{};
  while (line.size() <= limit) {
    const auto length = ::recv(socket, part.data(), part.size(), 0);
    if (length < 0) return fail_errno("receive", errno);
    if (length == 0) return line;
    line.append(part.data(), static_cast<std::size_t>(length));
    if (const auto end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
  }
  return fail(Errc::limit, "a line of more than " + std::to_string(limit) + " bytes");
}

Result<void> write_line(int socket, std::string line) {
  line += '\n';
  std::string_view left = line;
  while (!left.empty()) {
    const auto length = ::send(socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (length < 0) return fail_errno("send", errno);
    left.remove_prefix(static_cast<std::size_t>(length));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LineServer>> LineServer::start(const std::string& path, Handler handler) {
  auto listener = listen_local(path, SOCK_STREAM);
  if (!listener) return listener.error();
  return std::make_unique<LineServer>(std::move(*listener), path, std::move(handler));
}

LineServer::LineServer(UniqueFd listener, std::string path, Handler handler)
    : listener_(std::move(listener)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      path_(std::move(path)),
      handler_(std::move(handler)),
      thread_([this] { run(); }) {}

LineServer::~LineServer() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
  ::unlink(path_.c_str());
}

void LineServer::run() {
  while (true) {
    std::array<pollfd, 2> watched{pollfd{stop_.get(), POLLIN, 0},
                                  pollfd{listener_.get(), POLLIN, 0}};
    ::poll(watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) return;
    if (watched[1].revents == 0 || serve_one()) continue;
    // Out of descriptors or memory: the caller stays in the queue, and trying at once would spin.
    ::poll(watched.data(), 1, kPauseMs);
  }
}

// False when there was nobody to serve.
bool LineServer::serve_one() const {
  const UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return false;
  limit_waiting(socket.get(), 2);  // a client that stalls holds up the others no longer than this
  const auto request = read_line(socket.get(), kMaxRequest);
  if (!request || request->empty()) return true;
  // A client that has gone does not want the answer.
  static_cast<void>(write_line(socket.get(), handler_(*request)));
  return true;
}

Result<std::string> ask_line(const std::string& path, const std::string& request) {
  const auto socket = connect_local(path, SOCK_STREAM);
  if (!socket) {
    const auto code = socket.error().code;
    if (code == Errc::not_found || code == Errc::refused)
      return fail(Errc::unavailable,
                  "no agent listens on " + path + ": start one with `culvertctl agent`");
    return socket.error();
  }
  limit_waiting(socket->get(), 60);
  if (auto sent = write_line(socket->get(), request); !sent) return sent.error();
  auto answer = read_line(socket->get(), kMaxAnswer);
  if (answer && answer->empty())
    return fail(Errc::closed, "the agent on " + path + " ended without an answer");
  return answer;
}

}  // namespace culvert::host
