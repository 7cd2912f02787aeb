#include "proxy/plain_relay.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "culvert/net/socket.hpp"

namespace culvert::proxy {

namespace {
// Fair to others: so many buffers a direction and turn.
constexpr int kReadsPerTurn = 4;
constexpr std::size_t kMostDiscarded = 16U << 20;
}  // namespace

PlainRelay::~PlainRelay() {
  for (Side* side : {&client_, &server_}) {
    if (side->fd) worker_.readiness().remove_closing(*side);
  }
}

void PlainRelay::start(UniqueFd client, UniqueFd server, const Counters& counters) {
  client_.fd = std::move(client);
  server_.fd = std::move(server);
  client_.counter = counters.received;
  server_.counter = counters.sent;
  for (Side* side : {&client_, &server_}) {
    side->relay = this;
    side->other = side == &client_ ? &server_ : &client_;
    auto added = worker_.readiness().add(side->fd.get(), *side);
    if (!added && !error_) error_ = std::make_unique<Error>(added.error());
  }
  if (error_) return cut(Error(*error_));
  worker_.at_turn_end(*this);
}

void PlainRelay::Side::on_ready(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) hung_up = true;
  if (hung_up || (events & EPOLLIN) != 0) readable = true;
  if ((events & EPOLLOUT) != 0) writable = true;
  // An error after this side's FIN is not found by reading any more.
  if ((events & EPOLLERR) != 0 && done) relay->broken_ = true;
  relay->worker_.at_turn_end(*relay);
}

void PlainRelay::on_turn_end() {
  bool again = false;
  if (!broken_) again = pump(client_);
  if (!broken_) again = pump(server_) || again;
  if (broken_ || (client_.done && server_.done)) {
    finish();
  } else if (again) {
    worker_.at_turn_end(*this);
  }
}

// Moves what there is from one side to the other; true when there is more.
bool PlainRelay::pump(Side& from) {
  if (from.unheard) return discard(from);
  if (!write_leftover(from)) return from.unheard;
  const MutableBytes buffer = worker_.scratch().input();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (from.done || !from.readable) return false;
    const auto n = ::recv(from.fd.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      if (n < 0 && errno == EINTR) continue;
      from.readable = false;
      if (n == 0 || errno != EAGAIN) end_direction(from, n != 0 || from.reset);
      return false;
    }
    const auto size = static_cast<std::size_t>(n);
    if (size < buffer.size()) from.readable = from.hung_up;
    const Bytes bytes = Bytes(buffer).first(size);
    const std::size_t taken = deliver(from, bytes);
    if (taken == size) continue;
    if (!from.done) keep(from, bytes.subspan(taken));
    return from.unheard || from.other->unheard;
  }
  return true;
}

// Reads without a reader, as long as this side still has to take something: an application that
// writes before it reads on would never get there. One that does nothing but write is told at last.
// True when there is more.
bool PlainRelay::discard(Side& from) {
  const MutableBytes nowhere = worker_.scratch().input();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (!from.other->leftover || !from.readable) return false;
    const auto n = ::recv(from.fd.get(), nowhere.data(), nowhere.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) from.readable = false;
    if (n > 0) from.discarded += static_cast<std::size_t>(n);
    if ((n >= 0 || errno == EAGAIN) && from.discarded <= kMostDiscarded) continue;
    broken_ = true;
    net::reset_on_close(from.fd.get());
    return false;
  }
  return true;
}

// How much of what was read here the other side took.
std::size_t PlainRelay::deliver(Side& from, Bytes bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && from.other->writable) {
    const auto n =
        ::send(from.other->fd.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      from.other->writable = false;
    } else if (errno != EINTR) {
      // The other side takes nothing more; what it said before it left is still passed on. The
      // kernel tells of a reset once, so reading will find a plain end. After a FIN it says EPIPE
      // instead: then that is how it ended.
      from.done = from.unheard = true;
      if (errno != EPIPE) from.other->reset = true;
      from.other->readable = from.other->hung_up = true;
      break;
    }
  }
  from.total += done;
  if (done != 0) from.counter->fetch_add(done, std::memory_order_relaxed);
  return done;
}

void PlainRelay::keep(Side& from, Bytes bytes) {
  from.leftover = std::make_unique<net::Backlog>(worker_.backlogs(), *this);
  if (auto kept = from.leftover->append(bytes); !kept) cut(kept.error());
}

// True when nothing is left over.
bool PlainRelay::write_leftover(Side& from) {
  if (!from.leftover) return true;
  const std::size_t done = deliver(from, from.leftover->bytes());
  if (done != 0) from.other->discarded = 0;
  from.leftover->drop_front(done);
  if (!from.unheard && !from.leftover->bytes().empty()) return false;
  from.leftover.reset();
  return !from.unheard;
}

// Nothing more goes from here to there. A broken socket ends both directions: what the other side
// says has no reader.
void PlainRelay::end_direction(Side& from, bool broken) {
  from.done = true;
  if (broken) {
    broken_ = true;
    net::reset_on_close(from.other->fd.get());
  } else {
    ::shutdown(from.other->fd.get(), SHUT_WR);
  }
}

void PlainRelay::cut(Error reason) {
  if (!error_) error_ = std::make_unique<Error>(std::move(reason));
  broken_ = true;
  // What is left over goes with the relay: one of them may be asking for the memory of the other.
  for (Side* side : {&client_, &server_}) {
    if (side->fd) net::reset_on_close(side->fd.get());
  }
  worker_.at_turn_end(*this);
}

void PlainRelay::finish() {
  for (Side* side : {&client_, &server_}) {
    worker_.readiness().remove_closing(*side);
    if (side->unheard && !broken_) net::discard_input(side->fd.get());
    side->fd.reset();
    side->leftover.reset();
  }
  const auto error = std::move(error_);  // outlives this object, which may go away now
  owner_.on_relay_end(error.get());
}

}  // namespace culvert::proxy
