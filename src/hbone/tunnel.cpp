#include "culvert/hbone/tunnel.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "culvert/base/release.hpp"

namespace culvert::hbone {

Tunnel::Tunnel(Context& context, h2::Role role, UniqueFd fd, Secured secured, TunnelOwner& owner)
    : context_(context),
      owner_(owner),
      role_(role),
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
  if (readable_ || behind_) receive();
  kick();
}

void Tunnel::on_turn_end() {
  if (closed_) return;
  if (lingering_) {
    discard();
    return;
  }
  if (readable_ || behind_) receive();
  if (closed_ || lingering_) return;
  if (takes_none() && session_.active_streams() == 0) session_.shut_down();
  if (flush() && session_.finished()) finish();
}

void Tunnel::receive() {
  share_until_ = {};
  const bool again = behind_ && behind_since_ == context_.worker.now();  // in the same turn
  for (int i = 0; i < kReadsPerTurn && !again && (readable_ || behind_); ++i) {
    if (!receive_some()) return;
    if (unread_.empty()) continue;
    behind_since_ = context_.worker.now();
    break;
  }
  if (readable_ || behind_) kick();
}

// One buffer's worth. False when the tunnel has ended.
bool Tunnel::receive_some() {
  const auto waiting = std::exchange(unread_, {});
  if (auto done = digest(waiting); !done) {
    give_up(done.error());
    return false;
  }
  if (!unread_.empty()) return true;
  const MutableBytes input = context_.worker.scratch().input();
  std::size_t held = partial_.size();
  if (held != 0) std::memcpy(input.data(), partial_.data(), held);
  if (!behind_) {
    const auto more = read_more(input.subspan(held));
    if (!more) {
      give_up(more.error());
      return false;
    }
    held += *more;
  }
  auto used = open_records(input.first(held));
  if (!used) {
    give_up(used.error());
    return false;
  }
  behind_ = !unread_.empty();
  partial_.assign(input.begin() + static_cast<std::ptrdiff_t>(*used),
                  input.begin() + static_cast<std::ptrdiff_t>(held));
  if (partial_.empty()) release(partial_);
  if (peer_ended_ && !behind_) {
    flush();  // answers to what came last, as far as the peer still takes them
    lost(how_the_peer_ended());
    return false;
  }
  return true;
}

// One read. 0: nothing is there yet, or the peer has ended, which sets peer_ended_.
Result<std::size_t> Tunnel::read_more(MutableBytes room) {
  const auto n = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) return fail_errno("read from the peer", errno);
    readable_ = errno == EINTR;
    return 0U;
  }
  if (n == 0) {
    peer_ended_ = true;
    return 0U;
  }
  heard_at_ = context_.worker.now();
  // Less than asked for means drained: the next bytes come with a new edge.
  if (static_cast<std::size_t>(n) < room.size()) readable_ = hung_up_;
  return static_cast<std::size_t>(n);
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
      if (auto done = digest(frames); !done) return done.error();
    }
    if (opened->consumed == 0) break;
    used += opened->consumed;
    if (!unread_.empty()) break;
  }
  return used;
}

// What is left of `frames` when this turn's share is used up waits in unread_.
Result<void> Tunnel::digest(Bytes frames) {
  while (!frames.empty()) {
    auto rest = session_.receive(frames, heard_at_);
    if (!rest) return rest.error();
    frames = *rest;
    if (frames.empty()) break;
    const TimePoint now = Clock::now();
    if (share_until_ == TimePoint{}) share_until_ = now + kShareOfTurn;
    if (now < share_until_) continue;
    unread_.assign(frames.begin(), frames.end());
    break;
  }
  return {};
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
