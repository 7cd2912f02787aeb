#include "culvert/hbone/tunnel.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "culvert/base/release.hpp"

namespace culvert::hbone {

Tunnel::Tunnel(Context& context, h2::Role role, UniqueFd fd, Secured secured, TunnelOwner& owner)
    : context_(context),
      owner_(owner),
      fd_(std::move(fd)),
      channel_(std::move(secured.channel)),
      peer_(std::move(secured.peer)),
      session_(role, role == h2::Role::client ? context.settings.client : context.settings.server,
               *this, context.frames),
      edge_(role),
      partial_(std::move(secured.early)),
      alive_([this] { check_alive(); }),
      unasked_(role == h2::Role::server) {}

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
  // Data and FIN can come in one event: remember the FIN, or a short read would hide it.
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) hung_up_ = true;
  if (hung_up_ || (events & EPOLLIN) != 0) readable_ = true;
  if (lingering_) {
    discard();
    return;
  }
  if (readable_) receive();
  kick();
}

void Tunnel::on_turn_end() {
  if (closed_) return;
  if (lingering_) {
    discard();
    return;
  }
  if (readable_) receive();
  if (closed_ || lingering_) return;
  if (flush() && session_.finished()) finish();
}

void Tunnel::receive() {
  for (int i = 0; i < kReadsPerTurn && readable_; ++i) {
    if (!receive_some()) return;
  }
  if (readable_) kick();
}

// One buffer's worth. False when the tunnel has ended.
bool Tunnel::receive_some() {
  const MutableBytes input = context_.worker.scratch().input();
  std::size_t held = partial_.size();
  if (held != 0) std::memcpy(input.data(), partial_.data(), held);
  const MutableBytes room = input.subspan(held);
  const auto n = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    give_up(fail_errno("read from the peer", errno));
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
    give_up(used.error());
    return false;
  }
  partial_.assign(input.begin() + static_cast<std::ptrdiff_t>(*used),
                  input.begin() + static_cast<std::ptrdiff_t>(held));
  if (partial_.empty()) release(partial_);
  if (peer_ended_) {
    flush();  // answers to what came last, as far as the peer still takes them
    lost(how_the_peer_ended());
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
      const Bytes frames = plaintext.first(opened->produced);
      edge_.feed(frames);
      if (auto done = session_.receive(frames, heard_at_); !done) return done.error();
    }
    if (opened->consumed == 0) break;
    used += opened->consumed;
  }
  return used;
}

Error Tunnel::how_the_peer_ended() const {
  if (!partial_.empty()) {
    return fail(Errc::closed, "the peer closed the connection in the middle of a TLS record");
  }
  if (edge_.inside()) {
    return fail(Errc::closed, "the peer closed the connection in the middle of an HTTP/2 frame");
  }
  return fail(Errc::closed, "the peer closed the tunnel");
}

// Whoever sends bytes is alive. After an interval of silence a PING asks; what is not answered in
// time is lost: interval + time-out after the last byte.
void Tunnel::check_alive() {
  if (lingering_) {
    close(h2::ErrorCode::no_error);
    return;
  }
  if (leaving_) say_goaway();
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
  unasked_ = false;
  auto* const stream = owner_.on_request(*this, request);
  if (leaving_) say_goaway();
  return stream;
}

void Tunnel::on_goaway(h2::StreamId, h2::ErrorCode code, std::string_view debug) {
  if (code != h2::ErrorCode::no_error) {
    std::string said = "the peer ended the tunnel with " + std::string(h2::to_string(code));
    if (!debug.empty()) said += ": " + std::string(debug);
    keep_reason(fail(Errc::h2, std::move(said)));
  }
  owner_.on_tunnel_draining(*this);
}

}  // namespace culvert::hbone
