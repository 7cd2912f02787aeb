// The sending half of a tunnel.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "culvert/hbone/tunnel.hpp"

namespace culvert::hbone {

namespace {

// Small frames of one turn share a record: HEADERS, WINDOW_UPDATEs and short DATA go out together.
constexpr std::size_t kGather = tls::Channel::kMaxPlaintext;
constexpr std::size_t kSmallFrame = 4096;
// What one turn may send before others get their turn.
constexpr std::size_t kBudget = 1U << 20;

// A plaintext record in the making.
class Gather {
 public:
  bool fits(Bytes frame) const {
    return frame.size() <= kSmallFrame && used_ + frame.size() <= kGather;
  }
  void add(Bytes frame) {
    std::memcpy(bytes_.data() + used_, frame.data(), frame.size());
    used_ += frame.size();
  }
  Bytes take() { return Bytes(bytes_).first(std::exchange(used_, 0)); }
  bool empty() const { return used_ == 0; }

 private:
  std::array<std::uint8_t, kGather> bytes_;
  std::size_t used_ = 0;
};

}  // namespace

void Tunnel::flush() {
  for (std::size_t sent = 0; sent < kBudget;) {
    if (!send_pending()) return;
    const std::size_t n = fill();
    if (closed_) return;
    if (n == 0) {
      if (session_.finished()) close(h2::ErrorCode::no_error, std::nullopt);
      return;
    }
    send_now(context_.worker.scratch().output().first(n));
    sent += n;
  }
  kick();
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
  unsent_ = {};
  unsent_from_ = 0;
  return true;
}

// Sealed bytes of as many frames as the output buffer surely holds.
std::size_t Tunnel::fill() {
  const MutableBytes out = context_.worker.scratch().output();
  // One frame of the largest size and a full gather buffer must still find room.
  const std::size_t reserve =
      tls::Channel::sealed_size(context_.settings.client.max_send_frame + 9 + kGather) +
      tls::Channel::kMaxOverhead + tls::Channel::kMaxControl;
  const std::size_t limit = out.size() > reserve ? out.size() - reserve : 1;
  static thread_local Gather gather;
  std::size_t used = 0;
  bool failed = false;
  const auto seal = [&](Bytes plaintext) {
    auto n = channel_->seal(plaintext, out.subspan(used));
    if (n) used += *n;
    failed = failed || !n;
  };
  if (channel_->has_control()) seal({});
  while (!failed && used < limit) {
    const Bytes frame = session_.next();
    if (frame.empty()) break;
    if (gather.fits(frame)) {
      gather.add(frame);
      continue;
    }
    if (!gather.empty()) seal(gather.take());
    if (gather.fits(frame)) {
      gather.add(frame);
    } else if (!failed) {
      seal(frame);
    }
  }
  if (!gather.empty()) seal(gather.take());
  // The channel refuses plaintext only once it has ended: what it still wanted to say is in `out`.
  if (failed && used == 0) peer_ended_ = true;
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
