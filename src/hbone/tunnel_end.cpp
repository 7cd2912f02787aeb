// How a tunnel ends. Streams that are open then hear of a loss, never of an orderly end; the first
// thing that went wrong is the reason that streams and owner are given.
#include <sys/socket.h>

#include <cerrno>

#include "culvert/hbone/tunnel.hpp"

namespace culvert::hbone {

namespace {
// How long the peer has to close its side of a tunnel that has ended.
constexpr auto kLinger = std::chrono::seconds(2);
// How long a server that shuts down waits for the first request of a peer that has connected: what
// a client does next is to ask.
constexpr auto kFirstRequest = std::chrono::seconds(1);
}  // namespace

void Tunnel::keep_reason(Error reason) {
  if (!why_) why_ = std::make_unique<Error>(std::move(reason));
}

// The session wants nothing more. An error that it found itself is known only now that its GOAWAY
// is out.
void Tunnel::finish() {
  if (const Error* failure = session_.failure()) {
    give_up(*failure);
  } else if (session_.active_streams() != 0) {
    give_up(fail(Errc::h2, "the HTTP/2 session ended with streams open"));
  } else {
    linger(h2::ErrorCode::no_error);
  }
}

// We end it: tells the peer why (alert or GOAWAY wait in channel and session), as far as the socket
// takes it.
void Tunnel::give_up(Error reason) {
  keep_reason(std::move(reason));
  flush();
  if (unsent_.empty()) {
    linger(h2::ErrorCode::internal_error);
  } else {
    close(h2::ErrorCode::internal_error);
  }
}

// The connection is no more. With streams open that is no orderly end: their applications must not
// take what they have got for everything. Without, a peer may leave as it likes, between frames.
void Tunnel::lost(Error reason) {
  if (const Error* failure = session_.failure()) keep_reason(*failure);
  const bool inside = !partial_.empty() || edge_.inside();
  if (session_.active_streams() != 0 || inside || reason.code == Errc::timed_out) {
    keep_reason(std::move(reason));
  }
  close(why_ ? h2::ErrorCode::connect_error : h2::ErrorCode::no_error);
}

// We have said all, and say so; then the peer's end is waited for. Closing at once would answer
// what the peer still sends with RST, which drops our last bytes.
void Tunnel::linger(h2::ErrorCode code) {
  lingering_ = true;
  say_close();
  ::shutdown(fd_.get(), SHUT_WR);
  end_streams(code);
  alive_.arm(context_.worker.timers(), context_.worker.now() + kLinger);
  discard();
}

// What the peer still sends is of no interest, but its end is.
void Tunnel::discard() {
  const MutableBytes input = context_.worker.scratch().input();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const auto n = ::recv(fd_.get(), input.data(), input.size(), 0);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n == 0 || errno != EAGAIN) close(h2::ErrorCode::no_error);
    return;
  }
  kick();
}

void Tunnel::shut_down() {
  if (closed_ || lingering_ || leaving_) return;
  if (!unasked_) return say_goaway();
  leaving_ = true;
  alive_.arm(context_.worker.timers(), context_.worker.now() + kFirstRequest);
}

void Tunnel::say_goaway() {
  leaving_ = false;
  unasked_ = false;
  session_.shut_down();
  kick();
}

void Tunnel::learn_stream_limit() {
  if (session_.peer_max_concurrent_streams() == 0) return;  // it has said so, and may say otherwise
  stream_limit_ = static_cast<std::uint32_t>(session_.active_streams());
  if (stream_limit_ == 0) shut_down();
}

void Tunnel::cut(h2::ErrorCode code, std::optional<Error> reason) {
  if (closed_) return;
  if (!lingering_) {
    if (reason) keep_reason(std::move(*reason));
    session_.go_away(h2::ErrorCode::no_error);
    flush();
  }
  close(code);
}

void Tunnel::say_close() {
  const MutableBytes out = context_.worker.scratch().output();
  const auto n = channel_->close(out);
  if (n != 0) send_now(out.first(n));
}

void Tunnel::end_streams(h2::ErrorCode code) {
  ending_ = true;
  session_.close(code);
  ending_ = false;
}

void Tunnel::close(h2::ErrorCode code) {
  if (closed_) return;
  closed_ = true;
  alive_.disarm();
  if (unsent_.empty() && !lingering_) say_close();
  context_.worker.readiness().remove_closing(*this);
  fd_.reset();
  if (!lingering_) end_streams(code);
  context_.worker.post([this] { owner_.on_tunnel_closed(*this, why_.get()); });
}

}  // namespace culvert::hbone
