#include "host/zds_session.hpp"

#include "culvert/base/log.hpp"
#include "host/seqpacket.hpp"
#include "host/zds_messages.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>

namespace culvert::host {
namespace {

const log::Target kLog("agent::zds");

}  // namespace

ZdsSession::ZdsSession(UniqueFd socket, Settings settings)
    : socket_(std::move(socket)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      settings_(std::move(settings)),
      thread_([this] { run(); }) {}

ZdsSession::~ZdsSession() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  ::shutdown(socket_.get(), SHUT_RDWR);  // ends a wait for hello or ack as well
  thread_.join();
}

bool ZdsSession::enqueue(ZdsRequest request) {
  {
    const std::lock_guard lock(mutex_);
    if (over_) return false;
    queue_.push_back(std::move(request));
  }
  wake();
  return true;
}

void ZdsSession::wake() const { ::eventfd_write(wake_.get(), 1); }

void ZdsSession::run() {
  const auto reason = serve();
  std::deque<ZdsRequest> left;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    left.swap(queue_);
  }
  // Information only when it is orderly: daemons come and go.
  const auto level = reason.code == Errc::closed ? log::Level::info : log::Level::warn;
  log::write(
      level, kLog, "daemon disconnected",
      {log::num("daemon", static_cast<std::int64_t>(id())), log::str("reason", reason.detail)});
  ::shutdown(socket_.get(), SHUT_RDWR);
  for (const auto& request : left)
    request.done(fail(Errc::unavailable, "the daemon went away: " + reason.detail));
  settings_.on_end(*this);
}

Error ZdsSession::serve() {
  const auto hello = receive_packet(socket_.get(), settings_.hello_timeout);
  if (!hello) return hello.error().with("waiting for hello");
  if (auto valid = decode_hello(*hello); !valid) return valid.error();
  log::info(kLog, "daemon connected", {log::num("daemon", static_cast<std::int64_t>(id()))});
  settings_.on_hello(*this);
  while (true) {
    if (auto work = wait_for_work(); !work) return work.error();
    ZdsRequest request;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return fail(Errc::closed, "the agent is ending");
      if (queue_.empty()) continue;
      request = std::move(queue_.front());
      queue_.pop_front();
    }
    const auto answer = exchange(request);
    const bool usable = answer || answer.error().code == Errc::refused;
    request.done(answer);
    if (!usable) return answer.error();
  }
}

// Returns when something is queued. Between requests the daemon has to be silent.
Result<void> ZdsSession::wait_for_work() {
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() || stop_) return {};
  }
  std::array<pollfd, 2> watched{pollfd{socket_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
  if (::poll(watched.data(), watched.size(), -1) < 0) return fail_errno("poll", errno);
  if (watched[0].revents != 0) {
    const auto packet = receive_packet(socket_.get(), std::chrono::milliseconds(0));
    if (!packet) return packet.error();
    return fail(Errc::protocol, "the daemon sent a packet without being asked");
  }
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  return {};
}

Result<void> ZdsSession::exchange(const ZdsRequest& request) {
  const int passed = request.netns ? request.netns->get() : -1;
  if (auto sent = send_packet(socket_.get(), request.packet, passed); !sent) return sent;
  const auto packet = receive_packet(socket_.get(), settings_.ack_timeout);
  if (!packet && packet.error().code == Errc::timed_out)
    return fail(Errc::timed_out, "the daemon did not answer within " +
                                     std::to_string(settings_.ack_timeout.count()) + " ms");
  if (!packet) return packet.error();
  return decode_ack(*packet);
}

}  // namespace culvert::host
