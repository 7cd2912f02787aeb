#include "culvert/hbone/relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "culvert/net/socket.hpp"

namespace culvert::hbone {

Relay::~Relay() {
  if (app_ && started_) worker_.readiness().remove_closing(*this);
}

void Relay::start(UniqueFd app) {
  app_ = std::move(app);
  started_ = true;
  const auto added = worker_.readiness().add(app_.get(), *this);
  if (!added) {
    app_broken_ = true;
    error_ = std::make_unique<Error>(added.error());
  }
  app_readable_ = true;
  if (kept_) {
    drain_kept();
  } else if (peer_ended_) {
    end_app_writing();
  }
  if (stream_closed_) {
    // The peer left while the application was being dialled: end from the queue, not from here.
    end_queued_ = true;
    worker_.post([this] {
      end_queued_ = false;
      ignore_on();
    });
    return;
  }
  if (!added) {
    cut(added.error());
    return;
  }
  if (!app_broken_) tunnel_->session().resume(id());
  tunnel_->kick();
}

h2::Produced Relay::produce(MutableBytes into) {
  waiting_ = true;
  if (!started_ || !app_readable_) return {};
  for (;;) {
    const auto n = ::recv(app_.get(), into.data(), into.size(), 0);
    if (n > 0) {
      const auto size = static_cast<std::size_t>(n);
      if (size < into.size()) app_readable_ = app_hung_up_;
      to_tunnel_ += size;
      owner_.on_bytes(size, 0);
      waiting_ = !app_readable_;
      return {size, app_readable_ ? h2::Produced::Then::more : h2::Produced::Then::blocked};
    }
    if (n == 0 && app_deaf_) {
      leave(true);
      return {};
    }
    if (n == 0) {
      app_ended_ = true;
      return {0, h2::Produced::Then::end};
    }
    if (errno == EINTR) continue;
    app_readable_ = false;
    if (errno == EAGAIN) return {};
    leave(false);
    return {};
  }
}

void Relay::on_ready(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) app_hung_up_ = true;
  if ((events & EPOLLIN) != 0 || app_hung_up_) {
    app_readable_ = true;
    if (waiting_ && tunnel_ != nullptr) {
      tunnel_->session().resume(id());
      tunnel_->kick();
    }
  }
  if ((events & EPOLLOUT) != 0) {
    app_writable_ = true;
    if (kept_) drain_kept();
  }
  // An error after our END_STREAM went out is not found by reading any more.
  if ((events & EPOLLERR) != 0) app_failed();
  if (stream_closed_) ignore_app();
  maybe_finish();
}

void Relay::on_data(Bytes bytes) {
  if (started_ && !kept_) {
    const std::size_t n = deliver(bytes);
    delivered(n);
    credit(n);
    bytes = bytes.subspan(n);
  }
  if (bytes.empty()) return;
  // What has no reader is dropped. The connection's window was credited on receipt; the stream's
  // is, too, for the peer may have to get rid of this before it takes what the application still
  // said.
  if (app_broken_ || app_deaf_)
    credit(bytes.size());
  else
    keep(bytes);
}

// How much the application took.
std::size_t Relay::deliver(Bytes bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && app_writable_ && !app_broken_ && !app_deaf_) {
    const auto n = ::send(app_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      app_writable_ = false;
    } else if (errno != EINTR) {
      // EPIPE: it had ended in order what it said, and only then closed.
      app_reset_ = app_reset_ || errno != EPIPE;
      app_failed();
    }
  }
  return done;
}

void Relay::delivered(std::size_t n) {
  if (n == 0) return;
  to_app_ += n;
  owner_.on_bytes(0, n);
}

void Relay::credit(std::size_t n) {
  if (tunnel_ != nullptr && n != 0) tunnel_->session().consumed(id(), n);
}

void Relay::keep(Bytes bytes) {
  if (!kept_) kept_ = std::make_unique<Kept>(*this);
  if (auto done = kept_->backlog.append(bytes); !done) cut(done.error());
}

void Relay::drain_kept() {
  if (!kept_ || app_broken_) return;
  const std::size_t n = deliver(kept_->backlog.bytes());
  delivered(n);
  if (!kept_) return;  // the socket was found dead meanwhile
  credit(n);
  if (n != 0) kept_->ignored = 0;
  if (tunnel_ != nullptr && n != 0) tunnel_->kick();
  kept_->backlog.drop_front(n);
  if (!kept_->backlog.bytes().empty()) return;
  kept_.reset();
  if (peer_ended_) end_app_writing();
}

void Relay::on_end() {
  peer_ended_ = true;
  // Both directions done: the socket is closed in a moment, which says the same.
  if (started_ && !kept_ && !app_ended_) end_app_writing();
}

void Relay::end_app_writing() {
  // After an error the application hears RST instead, in finish(): a FIN would look like success.
  if (!app_broken_ && !app_deaf_ && !error_ && !peer_reset_) ::shutdown(app_.get(), SHUT_WR);
}

// The socket takes nothing more. What the application said before it left is still good (an early
// answer, say): it is read to its end first, and only then the stream goes.
void Relay::app_failed() {
  if (kept_) credit(kept_->backlog.bytes().size());
  kept_.reset();
  app_deaf_ = true;
  if (app_broken_ || tunnel_ == nullptr) {
    app_broken_ = true;
    return;
  }
  std::uint8_t next = 0;
  const auto n = app_ended_ ? 0 : ::recv(app_.get(), &next, sizeof next, MSG_PEEK);
  if (n <= 0) {
    leave(n == 0);
    return;
  }
  app_readable_ = app_hung_up_ = true;
  tunnel_->session().resume(id());
  tunnel_->kick();
}

// The application is gone, and nothing of what it said is left. If it ended that in order it is
// whole, and the other application hears FIN; else RST (RFC 9113 section 8.5).
void Relay::leave(bool in_order) {
  app_broken_ = true;
  const bool whole = in_order && !app_reset_;
  tunnel_->session().reset(id(), whole ? h2::ErrorCode::cancel : h2::ErrorCode::connect_error);
  tunnel_->kick();
}

// The stream is gone, and the application still has to take what came of it. What it says meanwhile
// has no reader: thrown away, because one that writes before it reads on would never get there. One
// that does nothing but write is told at last.
void Relay::ignore_app() {
  constexpr int kReads = 16;                // a turn
  constexpr std::size_t kMost = 16U << 20;  // bytes
  std::array<std::uint8_t, 16384> nowhere;  // the worker's buffers may be in use
  for (int i = 0; i < kReads; ++i) {
    if (!kept_ || app_broken_ || !app_readable_) return;
    const auto n = ::recv(app_.get(), nowhere.data(), nowhere.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) app_readable_ = false;
    if (n > 0) kept_->ignored += static_cast<std::size_t>(n);
    if ((n >= 0 || errno == EAGAIN) && kept_->ignored <= kMost) continue;
    app_broken_ = true;
    net::reset_on_close(app_.get());
  }
  if (kept_ && !app_broken_) worker_.at_turn_end(*kept_);
}

void Relay::ignore_on() {
  ignore_app();
  maybe_finish();
}

void Relay::maybe_finish() {
  if (ended_ || end_queued_ || !started_ || !stream_closed_) return;
  if (kept_ && !app_broken_) return;  // the application still gets what the peer sent
  finish();
}

void Relay::finish() {
  ended_ = true;
  if (app_) {
    if (error_ || peer_reset_)
      net::reset_on_close(app_.get());
    else if (!app_ended_ && !app_broken_)
      net::discard_input(app_.get());
    worker_.readiness().remove_closing(*this);
    app_.reset();
  }
  kept_.reset();
  const auto error = std::move(error_);  // outlives this object, which may go away now
  owner_.on_relay_end(error.get());
}

}  // namespace culvert::hbone
