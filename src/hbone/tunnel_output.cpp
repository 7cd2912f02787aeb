// The sending half of a tunnel.
#include <sys/socket.h>

#include <cerrno>

#include "culvert/base/release.hpp"
#include "culvert/hbone/tunnel.hpp"

namespace culvert::hbone {

namespace {

// What one turn may send before others get their turn.
constexpr std::size_t kBudget = 1U << 20;
constexpr std::size_t kFrameHeader = 9;  // RFC 9113 section 4.1

}  // namespace

// True when all that there was to say is with the kernel.
bool Tunnel::flush() {
  for (std::size_t sent = 0; sent < kBudget;) {
    if (!send_pending()) return false;
    const std::size_t n = fill();
    if (closed_) return false;
    if (n == 0) return true;
    send_now(context_.worker.scratch().output().first(n));
    sent += n;
  }
  kick();
  return false;
}

// True when nothing is left over from earlier writes.
bool Tunnel::send_pending() {
  if (unsent_.empty()) return true;
  while (unsent_from_ < unsent_.size()) {
    const auto n = ::send(fd_.get(), unsent_.data() + unsent_from_, unsent_.size() - unsent_from_,
                          MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;  // EAGAIN: EPOLLOUT follows; an error shows up when reading
    unsent_from_ += static_cast<std::size_t>(n);
  }
  release(unsent_);
  unsent_from_ = 0;
  return true;
}

// Sealed bytes of as many frames as the output buffer surely holds. The session hands out small
// frames together, so each piece is worth records of its own.
std::size_t Tunnel::fill() {
  const MutableBytes out = context_.worker.scratch().output();
  // The largest piece: one DATA frame with small ones gathered in front of it.
  const std::size_t reserve = tls::Channel::sealed_size(context_.settings.client.max_send_frame +
                                                        tls::Channel::kMaxPlaintext + kFrameHeader);
  const std::size_t limit = out.size() - reserve;
  std::size_t used = 0;
  if (channel_->has_control()) {
    if (auto n = channel_->seal({}, out)) used += *n;
  }
  while (used <= limit) {
    const Bytes frames = session_.next();
    if (frames.empty()) break;
    auto n = channel_->seal(frames, out.subspan(used));
    if (!n) break;  // sending has ended: what there was to say is in `out` already
    used += *n;
  }
  return used;
}

void Tunnel::send_now(Bytes sealed) {
  while (!sealed.empty()) {
    const auto n = ::send(fd_.get(), sealed.data(), sealed.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    sealed = sealed.subspan(static_cast<std::size_t>(n));
  }
  if (!sealed.empty() && !closed_) unsent_.assign(sealed.begin(), sealed.end());
}

}  // namespace culvert::hbone
