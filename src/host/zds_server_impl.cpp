#include "host/zds_server_impl.hpp"

#include "culvert/base/log.hpp"
#include "host/seqpacket.hpp"
#include "host/zds_messages.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace culvert::host {
namespace {

const log::Target kLog("agent::zds");

int milliseconds_until(TimePoint when, TimePoint now) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

Result<std::unique_ptr<ZdsServer::Impl>> ZdsServer::Impl::start(const ZdsServerOptions& options,
                                                                std::vector<RestoredPod> pods) {
  auto listener = listen_local(options.path, SOCK_SEQPACKET);
  if (!listener) return listener.error();
  return std::make_unique<Impl>(options, std::move(*listener), std::move(pods));
}

ZdsServer::Impl::Impl(const ZdsServerOptions& options, UniqueFd listener,
                      std::vector<RestoredPod> pods)
    : options_(options),
      listener_(std::move(listener)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (auto& [pod, netns] : pods) remember(pod, std::move(netns));
  thread_ = std::thread([this] { run(); });
}

ZdsServer::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
  ::unlink(options_.path.c_str());
  std::vector<SessionPtr> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(sessions_);
    ready_.clear();
  }
  all.clear();  // without the lock: their threads may want it before they end
  reap();
}

void ZdsServer::Impl::wake() const { ::eventfd_write(wake_.get(), 1); }

// ---- the accepting thread

void ZdsServer::Impl::run() {
  TimePoint accept_again{};
  while (true) {
    reap();
    const auto now = Clock::now();
    const bool accepting = now >= accept_again;
    retry_due(now);
    int wait = next_wait(now);
    if (!accepting) {
      const int pause = milliseconds_until(accept_again, now);
      wait = wait < 0 ? pause : std::min(wait, pause);
    }
    std::array<pollfd, 2> watched{pollfd{wake_.get(), POLLIN, 0},
                                  pollfd{accepting ? listener_.get() : -1, POLLIN, 0}};
    ::poll(watched.data(), watched.size(), wait);
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    if ((watched[1].revents & POLLIN) == 0) continue;
    accept_one();
    accept_again = Clock::now() + options_.accept_interval;
  }
}

void ZdsServer::Impl::accept_one() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return;  // it went away, or descriptors are short: the interval is the pause
  const std::lock_guard lock(mutex_);
  ZdsSession::Settings settings;
  settings.id = ++last_session_;
  settings.hello_timeout = options_.hello_timeout;
  settings.ack_timeout = options_.ack_timeout;
  settings.on_hello = [this](ZdsSession& session) { on_hello(session); };
  settings.on_end = [this](ZdsSession& session) { on_end(session); };
  sessions_.push_back(std::make_shared<ZdsSession>(std::move(socket), std::move(settings)));
}

void ZdsServer::Impl::retry_due(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) return;
  for (auto& [uid, pod] : pods_) {
    if (pod.retry_at == TimePoint{} || pod.retry_at > now) continue;
    pod.retry_at = {};
    send_add(pod, *ready_.back(), nullptr);
  }
}

int ZdsServer::Impl::next_wait(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  int wait = -1;
  if (ready_.empty()) return wait;
  for (const auto& [uid, pod] : pods_) {
    if (pod.retry_at == TimePoint{}) continue;
    const int left = milliseconds_until(pod.retry_at, now);
    wait = wait < 0 ? left : std::min(wait, left);
  }
  return wait;
}

void ZdsServer::Impl::reap() {
  std::vector<SessionPtr> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
}  // joined here, without the lock

// ---- the sessions' threads

ZdsServer::Impl::SessionPtr ZdsServer::Impl::find(const ZdsSession& session) const {
  for (const auto& candidate : sessions_)
    if (candidate.get() == &session) return candidate;
  return nullptr;
}

void ZdsServer::Impl::on_hello(ZdsSession& session) {
  const std::lock_guard lock(mutex_);
  const auto self = find(session);
  if (!self) return;  // the server is ending
  ready_.push_back(self);
  for (auto& [uid, pod] : pods_) {
    pod.retry_at = {};
    pod.netns ? send_add(pod, session, nullptr) : send_keep(pod, session);
  }
  ZdsRequest last;
  last.packet = encode_snapshot_sent();
  last.done = [this, id = session.id()](const Result<void>& answer) {
    if (!answer)
      return log::warn(kLog, "snapshot refused", {log::str("error", answer.error().detail)});
    const std::lock_guard inner(mutex_);
    synced_ = std::max(synced_, id);
    changed_.notify_all();
    announce();
  };
  session.enqueue(std::move(last));
}

void ZdsServer::Impl::on_end(ZdsSession& session) {
  const std::lock_guard lock(mutex_);
  const auto self = find(session);
  if (!self) return;
  const bool newest = !ready_.empty() && ready_.back() == self;
  std::erase(ready_, self);
  std::erase(sessions_, self);
  if (newest && !ready_.empty()) tell_again(*ready_.back());
  ended_.push_back(self);
  wake();
  announce();
}

void ZdsServer::Impl::announce() const {
  if (options_.on_change) options_.on_change();
}

// A daemon that is the newest again, since its successor is gone, and with it what only that one
// was told. It acknowledges what it has already.
void ZdsServer::Impl::tell_again(ZdsSession& session) {
  for (auto& [uid, pod] : pods_) {
    pod.retry_at = {};
    pod.acked_by = 0;
    if (pod.netns) send_add(pod, session, nullptr);
  }
}

void ZdsServer::Impl::on_answer(const std::string& uid, std::uint64_t version,
                                std::uint64_t session, const Result<void>& answer) {
  const std::lock_guard lock(mutex_);
  const auto it = pods_.find(uid);
  if (it == pods_.end() || it->second.version != version) return;
  Pod& pod = it->second;
  if (session < pod.acked_by) return;  // a newer daemon has it already
  if (answer) {
    const bool refused_before = pod.backoff.count() != 0;
    pod.acked_by = session;
    pod.error.clear();
    pod.backoff = {};
    pod.retry_at = {};
    if (refused_before) announce();
    return;
  }
  pod.error = answer.error().detail;
  if (answer.error().code != Errc::refused) return;  // the session ends; the next one is told
  if (pod.backoff.count() == 0)
    log::warn(kLog, "daemon refuses a pod", {log::str("pod", uid), log::str("error", pod.error)});
  pod.backoff = pod.backoff.count() == 0 ? options_.retry_first
                                         : std::min(pod.backoff * 2, options_.retry_limit);
  pod.retry_at = Clock::now() + pod.backoff;
  wake();
}

}  // namespace culvert::host
