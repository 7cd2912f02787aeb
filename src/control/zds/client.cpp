// Drives ZdsSession: socket, timers, backoff. All on the control thread; pods() and ready() are
// served from a copy.
#include "control/zds/session.hpp"
#include "control/zds/socket.hpp"
#include "culvert/base/log.hpp"
#include "culvert/base/random.hpp"
#include "culvert/control/zds.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace culvert::control {
namespace {

namespace asio = boost::asio;

log::Target target("control::zds");

// The first pause is 20 ms; doubled after each try that did not lead to a session.
constexpr Duration kFirstPause = std::chrono::milliseconds(20);
constexpr Duration kLongestPause = std::chrono::seconds(15);

}  // namespace

class ZdsClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, std::string path, PodEvents& pods, ZdsEvents events)
      : path_(std::move(path)),
        handler_(pods),
        events_(std::move(events)),
        io_(io),
        reconnect_(io),
        deadline_(io) {}

  void start() { connect(); }

  void close() {
    drained_ = true;
    reconnect_.cancel();
    deadline_.cancel();
    socket_.reset();
    actions_.clear();
    session_.on_disconnected();
  }

  void drain() {
    const bool was_up = socket_.has_value();
    close();
    publish();
    if (was_up && events_.link) events_.link(false);
  }

  bool ready() const { return ready_.load(std::memory_order_acquire); }
  std::vector<PodStatus> pods() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }

 private:
  void connect() {
    auto fd = connect_zds(path_);
    if (!fd) {
      log::warn(target, "cannot reach the node agent",
                {log::str("error", fd.error().detail), log::bare("path", path_)});
      return reconnect_later();
    }
    heard_ = false;
    boost::system::error_code failed;
    socket_.emplace(io_);
    socket_->assign(fd->get(), failed);
    if (failed) {
      log::warn(target, "cannot wait for the node agent",
                {log::str("error", failed.message()), log::bare("path", path_)});
      socket_.reset();
      return reconnect_later();
    }
    (void)fd->release();
    ++connection_;
    log::info(target, "connected to the node agent", {log::bare("path", path_)});
    if (events_.link) events_.link(true);
    run(session_.on_connected());
    wait_readable();
  }

  void reconnect_later() {
    const auto pause = pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
    reconnect_.expires_after(pause);
    reconnect_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (!error && impl && !impl->drained_) impl->connect();
    });
  }

  void disconnect(const std::string& reason, bool at_fault) {
    if (!socket_) return;
    log::warn(target, "lost the node agent", {log::str("error", reason)});
    socket_.reset();
    session_.on_disconnected();
    publish();
    if (events_.link) events_.link(false);
    if (drained_) return;
    // A session that worked and ended in order is replaced at once; one that did not get anywhere
    // or broke the protocol must not become a busy loop.
    if (heard_ && !at_fault) pause_ = kFirstPause;
    reconnect_later();
  }

  void wait_readable() {
    if (!socket_ || waiting_ == connection_) return;
    waiting_ = connection_;
    socket_->async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = weak_from_this(), id = connection_](auto error) {
                          const auto impl = self.lock();
                          if (error || !impl || impl->connection_ != id) return;
                          impl->waiting_ = 0;
                          impl->read();
                        });
  }

  // Reads until nothing is there or an answer is owed: one request, one acknowledgement.
  void read() {
    ZdsBuffer buffer;
    while (socket_ && !session_.owes_ack()) {
      auto packet = receive_zds(socket_->native_handle(), buffer);
      if (!packet) {
        if (packet.error().code != Errc::protocol) {
          disconnect(packet.error().detail, false);
          return;
        }
        run(session_.on_bad_packet(packet.error().detail));
        continue;
      }
      if (!*packet) break;
      heard_ = true;
      auto& [bytes, netns] = **packet;
      run(session_.on_packet(Clock::now(), bytes, std::move(netns)));
    }
    if (!session_.owes_ack()) wait_readable();
  }

  // Executes actions in order. A PodEvents call may report back at once, which appends.
  void run(ZdsSession::Actions actions) {
    std::move(actions.begin(), actions.end(), std::back_inserter(actions_));
    if (running_) return;
    running_ = true;
    while (!actions_.empty()) {
      const auto action = std::move(actions_.front());
      actions_.pop_front();
      std::visit([this](const auto& a) { perform(a); }, action);
    }
    running_ = false;
    publish();
    arm();
  }

  void perform(const ZdsSession::Send& send) {
    if (!socket_) return;
    const auto sent = send_zds(socket_->native_handle(), send.packet);
    if (!sent) disconnect(sent.error().detail, false);
  }
  void perform(const ZdsSession::Disconnect& d) { disconnect(d.reason, true); }
  void perform(const ZdsSession::Stop& stop) {
    log::info(target, "pod removed", {log::str("uid", stop.uid)});
    handler_.stop(stop.uid);
  }
  void perform(const ZdsSession::Start& start) {
    log::info(target, "pod added",
              {log::str("uid", start.uid), log::str("name", start.info.name),
               log::str("namespace", start.info.namespace_)});
    auto done = [self = weak_from_this(), token = start.token,
                 uid = start.uid](const Result<void>& outcome) {
      if (const auto impl = self.lock()) impl->started(token, uid, outcome);
    };
    handler_.start(start.uid, start.info, start.netns, std::move(done));
  }

  void started(std::uint64_t token, const PodUid& uid, const Result<void>& outcome) {
    if (!outcome)
      log::warn(target, "pod could not be started",
                {log::str("uid", uid), log::str("error", outcome.error().detail)});
    const bool owed = session_.owes_ack();
    run(session_.on_started(Clock::now(), token, outcome));
    if (owed && !session_.owes_ack()) wait_readable();
  }

  void arm() {
    deadline_.cancel();
    const auto at = session_.deadline();
    if (!at || drained_) return;
    deadline_.expires_at(*at);
    deadline_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (error || !impl || impl->drained_) return;
      const bool owed = impl->session_.owes_ack();
      impl->run(impl->session_.on_time(Clock::now()));
      if (owed && !impl->session_.owes_ack()) impl->wait_readable();
    });
  }

  static void report(std::uint64_t& seen, std::uint64_t now, const std::function<void()>& sink) {
    for (; seen < now; ++seen)
      if (sink) sink();
  }

  void publish() {
    const bool ready = !drained_ && session_.ready();
    const Shown shown{ready, session_.active(), session_.pending()};
    ready_.store(ready, std::memory_order_release);
    {
      const std::lock_guard lock(mutex_);
      published_ = session_.pods();
    }
    report(seen_.started, session_.totals().started, events_.proxy_started);
    report(seen_.stopped, session_.totals().stopped, events_.proxy_stopped);
    report(seen_.nacked, session_.totals().nacked, events_.nacked);
    report(seen_.malformed, session_.totals().malformed, events_.malformed);
    if (shown != shown_) {
      shown_ = shown;
      if (events_.changed) events_.changed(ready, shown.active, shown.pending);
    }
    if (ready && events_.ready) std::exchange(events_.ready, nullptr)();
  }

  struct Shown {
    bool ready = false;
    std::size_t active = 0;
    std::size_t pending = 0;
    bool operator==(const Shown&) const = default;
  };

  // constant after construction
  const std::string path_;
  PodEvents& handler_;
  ZdsEvents events_;
  asio::io_context& io_;

  // control thread only
  asio::steady_timer reconnect_;
  asio::steady_timer deadline_;
  std::optional<asio::posix::stream_descriptor> socket_;
  std::uint64_t connection_ = 0;  // counts connections, so that late handlers are recognised
  std::uint64_t waiting_ = 0;     // the connection with a wait under way
  ZdsSession session_;
  std::deque<ZdsSession::Action> actions_;
  bool running_ = false;
  bool heard_ = false;  // this connection has delivered a packet
  bool drained_ = false;
  Duration pause_ = kFirstPause;
  ZdsSession::Totals seen_;
  Shown shown_;

  std::atomic<bool> ready_{false};
  mutable std::mutex mutex_;
  std::vector<PodStatus> published_;  // guarded by mutex_
};

ZdsClient::ZdsClient(asio::io_context& io, std::string path, PodEvents& pods, ZdsEvents events)
    : impl_(std::make_shared<Impl>(io, std::move(path), pods, std::move(events))) {}
ZdsClient::~ZdsClient() { impl_->close(); }
void ZdsClient::start() { impl_->start(); }
void ZdsClient::drain() { impl_->drain(); }
bool ZdsClient::ready() const { return impl_->ready(); }
std::vector<PodStatus> ZdsClient::pods() const { return impl_->pods(); }

}  // namespace culvert::control
