#include "proxy/dns/session.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "culvert/net/socket.hpp"

namespace culvert::proxy {

namespace {
// More than this unread by the pod, and it is read no further.
constexpr std::size_t kMostUnread = 64 * 1024;
}  // namespace

DnsSession::DnsSession(SessionOwner& owner, PodProxy& pod, UniqueFd fd, std::uint64_t number)
    : owner_(owner),
      worker_(pod.worker()),
      alive_(pod),
      fd_(std::move(fd)),
      number_(number),
      idle_([this] { on_idle(); }) {}

DnsSession::~DnsSession() { worker_.readiness().remove_closing(*this); }

Result<void> DnsSession::start() {
  rearm();
  return worker_.readiness().add(fd_.get(), *this);
}

void DnsSession::rearm() { idle_.arm(worker_.timers(), worker_.now() + kIdle); }

void DnsSession::on_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) broken_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  worker_.at_turn_end(*this);
}

bool DnsSession::has_query() const { return in_.size() >= 2 && in_.size() - 2 >= query_length(); }

std::size_t DnsSession::query_length() const {
  return static_cast<std::size_t>(in_[0] << 8 | in_[1]);
}

bool DnsSession::may_take() const {
  if (pending_ >= kMostPending || out_.size() >= kMostUnread) return false;
  return has_query() || (readable_ && !heard_all_);
}

void DnsSession::on_turn_end() {
  if (may_take()) {
    if (!has_query()) read();
    take_queries();
  }
  if (broken_ || !write()) return end(false);
  if (heard_all_ && !has_query() && pending_ == 0 && out_.empty()) return end(true);
  if (may_take()) worker_.at_turn_end(*this);
}

void DnsSession::read() {
  std::array<std::uint8_t, 8192> bytes;
  const auto n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (n > 0) {
    in_.insert(in_.end(), bytes.begin(), bytes.begin() + n);
  } else if (n == 0) {
    heard_all_ = true;
  } else if (errno == EAGAIN) {
    readable_ = false;
  } else {
    broken_ = errno != EINTR;
  }
}

// Hands over whole queries, a turn's share of them.
void DnsSession::take_queries() {
  for (std::size_t taken = 0; taken < kMostPending && pending_ < kMostPending && has_query();
       ++taken) {
    const auto length = query_length();
    ++pending_;
    if (owner_.on_query(*this, Bytes(in_).subspan(2, length))) {
      rearm();  // what is no query does not keep the connection
    } else {
      --pending_;
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(2 + length));
  }
  if (in_.size() >= 2 && query_length() > kLongest) broken_ = true;
  owner_.on_queries_read();
}

void DnsSession::answer(const dns::Message& message) {
  --pending_;
  out_.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  out_.push_back(static_cast<std::uint8_t>(message.size()));
  out_.insert(out_.end(), message.begin(), message.end());
  worker_.at_turn_end(*this);
}

// False: nobody takes it any more.
bool DnsSession::write() {
  while (!out_.empty()) {
    const auto n = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    out_.erase(out_.begin(), out_.begin() + n);
    rearm();
  }
  return true;
}

void DnsSession::drain() {
  if (may_take() && !has_query()) read();  // what they sent before they could know
  heard_all_ = true;
  worker_.at_turn_end(*this);
}

void DnsSession::on_idle() {
  if (pending_ == 0) return end(out_.empty());
  rearm();  // it is not the pod that is slow
}

void DnsSession::end(bool orderly) {
  if (orderly) {
    net::discard_input(fd_.get());
  } else {
    net::reset_on_close(fd_.get());
  }
  owner_.on_session_end(*this);
}

}  // namespace culvert::proxy
