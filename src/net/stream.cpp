#include "culvert/net/stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace culvert::net {

Async<void> sleep_for(Worker& worker, Duration duration) {
  OneShot<bool> done(worker);
  Timer timer([&done] { done.set(true); });
  timer.arm(worker.timers(), worker.now() + duration);
  co_await done.wait();
}

Stream::Stream(Worker& worker, UniqueFd fd) : worker_(worker), fd_(std::move(fd)) {}

Stream::~Stream() {
  if (fd_ && joined_) worker_.readiness().remove_closing(*this);
}

UniqueFd Stream::release() {
  if (fd_ && joined_) worker_.readiness().remove(fd_.get(), *this);
  joined_ = false;
  return std::move(fd_);
}

void Stream::cancel(Error reason) {
  if (cancelled_) return;
  cancelled_ = std::make_unique<Error>(std::move(reason));
  if (waiting_ != nullptr) waiting_->set(*cancelled_);
}

Result<void> Stream::join() {
  if (joined_) return {};
  auto done = worker_.readiness().add(fd_.get(), *this);
  joined_ = done.has_value();
  return done;
}

void Stream::on_ready(std::uint32_t events) {
  ready_ |= events;
  constexpr std::uint32_t kFinal = EPOLLHUP | EPOLLERR;
  if (waiting_ != nullptr && (ready_ & (wanted_ | kFinal)) != 0) waiting_->set(Result<void>());
}

Async<Result<void>> Stream::wait_for(std::uint32_t events) {
  if (cancelled_) co_return *cancelled_;
  if (auto done = join(); !done) co_return done.error();
  if ((ready_ & events) != 0) co_return Result<void>();
  OneShot<Result<void>> shot(worker_);
  Timer timer([&shot] { shot.set(fail(Errc::timed_out, "no answer in time")); });
  if (deadline_ != TimePoint::max()) timer.arm(worker_.timers(), deadline_);
  wanted_ = events;
  waiting_ = &shot;
  auto outcome = co_await shot.wait();
  waiting_ = nullptr;
  co_return outcome;
}

Async<Result<std::size_t>> Stream::read_some(MutableBytes into) {
  for (;;) {
    if (cancelled_) co_return *cancelled_;
    const auto n = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (n >= 0) co_return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail_errno("read", errno);
    ready_ &= ~std::uint32_t{EPOLLIN | EPOLLRDHUP};
    auto ready = co_await wait_for(EPOLLIN | EPOLLRDHUP);
    if (!ready) co_return ready.error();
  }
}

Async<Result<void>> Stream::write_all(Bytes from) {
  while (!from.empty()) {
    if (cancelled_) co_return *cancelled_;
    const auto n = ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      from = from.subspan(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail_errno("write", errno);
    ready_ &= ~std::uint32_t{EPOLLOUT};
    auto ready = co_await wait_for(EPOLLOUT);
    if (!ready) co_return ready.error();
  }
  co_return Result<void>();
}

Async<Result<void>> Stream::connected() {
  auto ready = co_await wait_for(EPOLLOUT | EPOLLHUP | EPOLLERR);
  if (!ready) co_return ready.error();
  if (cancelled_) co_return *cancelled_;  // between the event and this
  co_return connect_result(fd_.get());
}

namespace {

// A connect to a local application is done before connect() has returned, though it says "in
// progress": looking once saves two changes of the readiness set and a turn.
bool connected_meanwhile(int fd) {
  pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & (POLLERR | POLLHUP)) == 0;
}

}  // namespace

Async<Result<UniqueFd>> dial(Worker& worker, Netns netns, SocketAddress destination,
                             std::optional<IpAddress> source, SocketOptions options,
                             TimePoint deadline, Cancellation* cancellation) {
  if (cancellation != nullptr && cancellation->reason() != nullptr) {
    co_return *cancellation->reason();
  }
  auto fd = dial_socket(netns, destination, source, options);
  if (!fd) co_return fd.error();
  auto connected = start_connect(fd->get(), destination);
  if (!connected) co_return connected.error();
  if (*connected || connected_meanwhile(fd->get())) co_return std::move(*fd);
  Stream stream(worker, std::move(*fd));
  stream.set_deadline(deadline);
  const Cancellation::Scope scope(cancellation, [&stream](const Error& e) { stream.cancel(e); });
  auto outcome = co_await stream.connected();
  if (!outcome) co_return outcome.error().with("connect " + destination.to_string());
  co_return stream.release();
}

}  // namespace culvert::net
