#include "culvert/hbone/tunnel.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "culvert/base/release.hpp"

namespace culvert::hbone {

namespace {
// Fair to the worker's other connections: at most so many reads of a full buffer a turn.
constexpr int kReadsPerTurn = 4;
// How long the peer has to close its side of a tunnel that has ended.
constexpr auto kLinger = std::chrono::seconds(2);
}  // namespace

Tunnel::Tunnel(Context& context, h2::Role role, UniqueFd fd, Secured secured, TunnelOwner& owner)
    : context_(context),
      owner_(owner),
      fd_(std::move(fd)),
      channel_(std::move(secured.channel)),
      peer_(std::move(secured.peer)),
      session_(role, role == h2::Role::client ? context.settings.client : context.settings.server,
               *this, context.frames),
      partial_(std::move(secured.early)),
      alive_([this] { check_alive(); }) {}

Tunnel::~Tunnel() {
  if (fd_) context_.worker.readiness().remove_closing(*this);
}

Result<void> Tunnel::start() {
  if (auto added = context_.worker.readiness().add(fd_.get(), *this); !added) return added.error();
  heard_at_ = context_.worker.now();
  alive_.arm(context_.worker.timers(), heard_at_ + context_.settings.ping_interval);
  readable_ = true;  // early bytes, or an empty read that costs little once
  kick();
  return {};
}

void Tunnel::on_ready(std::uint32_t events) {
  if (closed_) return;
  if (lingering_) {
    discard();
    return;
  }
  // Data and FIN can come in one event: remember the FIN, or a short read would hide it.
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if (hung_up_ || (events & EPOLLIN) != 0) {
    readable_ = true;
    receive();
  }
  kick();
}

void Tunnel::on_turn_end() {
  if (closed_ || lingering_) return;
  if (readable_) receive();
  if (!closed_) flush();
}

void Tunnel::receive() {
  for (int i = 0; i < kReadsPerTurn && readable_ && !closed_; ++i) {
    if (!receive_some()) return;
  }
  if (readable_ && !closed_) kick();
}

// One buffer's worth. False when the tunnel has ended.
bool Tunnel::receive_some() {
  const MutableBytes input = context_.worker.scratch().input();
  std::size_t held = partial_.size();
  if (held != 0) std::memcpy(input.data(), partial_.data(), held);
  const MutableBytes room = input.subspan(held);
  const auto n = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    fail_with(fail_errno("read from the peer", errno));
    return false;
  }
  if (n < 0) readable_ = errno == EINTR;
  if (n == 0) peer_ended_ = true;
  if (n > 0) {
    held += static_cast<std::size_t>(n);
    heard_at_ = context_.worker.now();
  }
  // Less than asked for means drained: the next bytes come with a new edge.
  if (n > 0 && static_cast<std::size_t>(n) < room.size()) readable_ = hung_up_;
  auto used = open_records(input.first(held));
  if (!used) {
    fail_with(used.error());
    return false;
  }
  partial_.assign(input.begin() + static_cast<std::ptrdiff_t>(*used),
                  input.begin() + static_cast<std::ptrdiff_t>(held));
  if (partial_.empty()) release(partial_);
  if (peer_ended_) {
    flush();  // answers to what came last, as far as the peer still takes them
    lost(fail(Errc::closed, "the peer closed the tunnel"));
    return false;
  }
  return true;
}

Result<std::size_t> Tunnel::open_records(MutableBytes ciphertext) {
  std::size_t used = 0;
  while (used < ciphertext.size()) {
    const MutableBytes plaintext = context_.worker.scratch().plaintext();
    auto opened = channel_->open(ciphertext.subspan(used), plaintext);
    if (!opened) return opened.error();
    if (opened->closed) peer_ended_ = true;
    if (opened->produced != 0) {
      if (auto done = session_.receive(plaintext.first(opened->produced), heard_at_); !done) {
        return done.error();
      }
    }
    if (opened->consumed == 0) break;
    used += opened->consumed;
  }
  return used;
}

// Tells the peer why (alert or GOAWAY wait in channel and session), as far as the socket takes it.
void Tunnel::fail_with(Error error) {
  flush();
  close(h2::ErrorCode::internal_error, std::move(error));
}

// The connection is no more. With streams open that is no orderly end: their applications must not
// take what they have got for everything.
void Tunnel::lost(Error reason) {
  if (session_.active_streams() == 0) {
    close(h2::ErrorCode::no_error, std::nullopt);
  } else {
    close(h2::ErrorCode::connect_error, std::move(reason));
  }
}

// All streams have ended, and so have we: says so, and then waits for the peer to end as well.
// Closing at once would answer what the peer still sends with RST, which drops our last bytes.
void Tunnel::linger() {
  lingering_ = true;
  const MutableBytes out = context_.worker.scratch().output();
  const auto n = channel_->close(out);
  if (n != 0) send_now(out.first(n));
  ::shutdown(fd_.get(), SHUT_WR);
  session_.close(h2::ErrorCode::no_error);
  alive_.arm(context_.worker.timers(), context_.worker.now() + kLinger);
  discard();
}

void Tunnel::discard() {
  const MutableBytes input = context_.worker.scratch().input();
  for (;;) {
    const auto n = ::recv(fd_.get(), input.data(), input.size(), 0);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n < 0 && errno == EAGAIN) return;
    close(h2::ErrorCode::no_error, std::nullopt);
    return;
  }
}

void Tunnel::shut_down() {
  if (closed_ || lingering_) return;
  session_.shut_down();
  kick();
}

void Tunnel::cut(h2::ErrorCode code, std::optional<Error> reason) {
  if (closed_) return;
  if (lingering_) {
    close(code, std::nullopt);
    return;
  }
  session_.go_away(h2::ErrorCode::no_error);
  flush();
  close(code, std::move(reason));
}

void Tunnel::close(h2::ErrorCode code, std::optional<Error> reason) {
  if (closed_) return;
  closed_ = true;
  alive_.disarm();
  if (unsent_.empty() && !lingering_) {
    const MutableBytes out = context_.worker.scratch().output();
    const auto n = channel_->close(out);
    if (n != 0) send_now(out.first(n));
  }
  context_.worker.readiness().remove_closing(*this);
  fd_.reset();
  why_lost_ = reason ? &*reason : nullptr;
  session_.close(code);
  why_lost_ = nullptr;
  context_.worker.post([this, reason = std::move(reason)] {
    owner_.on_tunnel_closed(*this, reason ? &*reason : nullptr);
  });
}

// Whoever sends bytes is alive. After an interval of silence a PING asks; what is not answered in
// time is lost: interval + time-out after the last byte.
void Tunnel::check_alive() {
  if (lingering_) {
    close(h2::ErrorCode::no_error, std::nullopt);
    return;
  }
  const TimePoint now = context_.worker.now();
  const auto& settings = context_.settings;
  if (heard_at_ > ping_sent_) ping_pending_ = false;
  if (ping_pending_ && now >= ping_sent_ + settings.ping_timeout) {
    flush();
    lost(fail(Errc::timed_out, "the peer did not answer PING"));
    return;
  }
  if (!ping_pending_ && now >= heard_at_ + settings.ping_interval) {
    session_.ping();
    ping_sent_ = now;
    ping_pending_ = true;
    kick();
  }
  alive_.arm(context_.worker.timers(), ping_pending_ ? ping_sent_ + settings.ping_timeout
                                                     : heard_at_ + settings.ping_interval);
}

void Tunnel::on_ping_ack() { ping_pending_ = false; }

h2::Stream* Tunnel::on_request(const h2::Request& request) {
  return owner_.on_request(*this, request);
}

void Tunnel::on_goaway(h2::StreamId, h2::ErrorCode, std::string_view) {
  owner_.on_tunnel_draining(*this);
}

}  // namespace culvert::hbone
