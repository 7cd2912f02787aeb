#include "culvert/net/listener.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "culvert/base/log.hpp"

namespace culvert::net {

namespace {
const log::Target kLog("net::listener");
// Out of descriptors and the like: trying again at once would only spin.
constexpr auto kPause = std::chrono::milliseconds(50);
}  // namespace

Listener::Listener(Worker& worker, UniqueFd fd, std::string name, OnAccept on_accept)
    : worker_(worker),
      fd_(std::move(fd)),
      name_(std::move(name)),
      on_accept_(std::move(on_accept)),
      retry_([this] { accept_some(); }) {}

Listener::~Listener() { discard(); }

Result<void> Listener::start() { return worker_.readiness().add(fd_.get(), *this); }

// With the socket the kernel resets every connection that waits here to be accepted, though it has
// told the client that it is connected.
void Listener::close() {
  for (int i = 0; fd_ && i <= kBacklog; ++i) {
    if (accept_one() != Accepted::one) break;
  }
  discard();
}

void Listener::discard() {
  if (!fd_) return;
  retry_.disarm();
  worker_.readiness().remove_closing(*this);
  fd_.reset();
}

void Listener::on_ready(std::uint32_t) { accept_some(); }

void Listener::accept_some() {
  for (int i = 0; fd_ && i < kBatch; ++i) {
    switch (accept_one()) {
      case Accepted::one:
        break;
      case Accepted::none:
        return;
      case Accepted::failed:
        retry_.arm(worker_.timers(), worker_.now() + kPause);
        return;
    }
  }
  if (fd_) retry_.arm(worker_.timers(), worker_.now());  // more may wait: look again next turn
}

Listener::Accepted Listener::accept_one() {
  sockaddr_storage native;
  socklen_t length = sizeof native;
  UniqueFd accepted(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&native), &length,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) {
    if (errno == EAGAIN) return Accepted::none;
    if (errno == EINTR || errno == ECONNABORTED) return Accepted::one;  // that one is done with
    say_failed(errno);
    return Accepted::failed;
  }
  auto peer = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
  if (peer) on_accept_(std::move(accepted), *peer);
  return Accepted::one;
}

// All listeners of the worker fail together, twenty times a second each.
void Listener::say_failed(int error_number) {
  const auto left_out = worker_.accept_log().admit(worker_.now());
  if (!left_out) return;
  log::warn(
      kLog, "cannot accept; trying again",
      {log::str("listener", name_), log::str("error", fail_errno("accept", error_number).detail),
       log::num("left_out", static_cast<std::int64_t>(*left_out))});
}

}  // namespace culvert::net
