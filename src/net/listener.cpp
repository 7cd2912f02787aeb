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

Listener::~Listener() { close(); }

Result<void> Listener::start() { return worker_.readiness().add(fd_.get(), *this); }

void Listener::close() {
  if (!fd_) return;
  retry_.disarm();
  worker_.readiness().remove_closing(*this);
  fd_.reset();
}

void Listener::on_ready(std::uint32_t) { accept_some(); }

void Listener::accept_some() {
  for (int i = 0; fd_; ++i) {
    if (i == kBatch) {  // more may wait: look again next turn
      retry_.arm(worker_.timers(), worker_.now());
      return;
    }
    sockaddr_storage native;
    socklen_t length = sizeof native;
    UniqueFd accepted(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&native), &length,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!accepted) {
      if (errno == EAGAIN) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      log::warn(
          kLog, "cannot accept; trying again",
          {log::str("listener", name_), log::str("error", fail_errno("accept", errno).detail)});
      retry_.arm(worker_.timers(), worker_.now() + kPause);
      return;
    }
    auto peer = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
    if (peer) on_accept_(std::move(accepted), *peer);
  }
}

}  // namespace culvert::net
