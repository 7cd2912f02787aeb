#include "control/server/dialer.hpp"
#include "control/server/gate.hpp"
#include "control/server/status.hpp"
#include "control/xds/reconnect.hpp"
#include "control/xds/stream.hpp"
#include "control/xds/subscriptions.hpp"
#include "culvert/base/log.hpp"
#include "culvert/control/xds.hpp"

#include <boost/asio/steady_timer.hpp>

#include <grpcpp/channel.h>

#include <atomic>
#include <utility>

namespace culvert::control {
namespace {

log::Target target("control::xds");

// What ends long streams in normal operation: a server that rotates its connections or restarts,
// and a network that loses one.
bool is_usual(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNKNOWN || code == grpc::StatusCode::CANCELLED ||
         code == grpc::StatusCode::DEADLINE_EXCEEDED || code == grpc::StatusCode::UNAVAILABLE;
}

// Whether a request was larger than the server takes, in the words of the gRPC libraries. The same
// status is given for rate limits, where asking for everything would make things worse.
bool is_too_large(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
         (status.error_message().find("larger than max") != std::string::npos ||
          status.error_message().find("exceeds maximum size") != std::string::npos);
}

StreamEnd::Kind kind_of(const grpc::Status& status) {
  if (status.ok()) return StreamEnd::Kind::orderly;
  return is_usual(status.error_code()) ? StreamEnd::Kind::lost : StreamEnd::Kind::failed;
}

}  // namespace

class XdsClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, Dialer dialer, XdsSubscriptions subscriptions, XdsEvents events)
      : dialer_(std::move(dialer)),
        events_(std::move(events)),
        gate_(std::make_shared<Gate>(io)),
        timer_(io),
        subscriptions_(std::move(subscriptions)) {}

  void start() { connect_after({}); }
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  bool connected() const { return connected_.load(std::memory_order_acquire); }

  void close() {
    timer_.cancel();
    if (stream_) stream_->cancel();
    stream_.reset();
    gate_->close();
  }

 private:
  void connect_after(Duration pause) {
    timer_.expires_after(pause);
    timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (!error && impl) impl->connect();
    });
  }

  void connect() {
    began_ = Clock::now();
    auto roots = dialer_.roots();
    if (!roots) return not_connected(roots.error());
    const std::weak_ptr<Impl> weak = weak_from_this();
    auto stream =
        std::make_shared<XdsStream>(gate_, dialer_.dial(*roots),
                                    XdsStream::Events{[weak](XdsResponse response) {
                                                        if (const auto self = weak.lock())
                                                          self->on_response(std::move(response));
                                                      },
                                                      [weak](const grpc::Status& status) {
                                                        if (const auto self = weak.lock())
                                                          self->on_end(status);
                                                      }});
    if (auto authorized = dialer_.authorize(stream->context()); !authorized)
      return not_connected(authorized.error());
    stream_ = std::move(stream);
    for (auto& request : subscriptions_.initial()) stream_->write(std::move(request));
    stream_->open();
  }

  void not_connected(const Error& error) {
    end({StreamEnd::Kind::failed, false, {}}, error.detail);
  }

  void on_response(XdsResponse response) {
    connected_.store(true, std::memory_order_release);
    subscriptions_.complete(response);
    report(response);
    if (!response.update.empty()) events_.apply(std::exchange(response.update, {}));
    stream_->write(subscriptions_.answer(response));
    stream_->read();
    if (!ready_ && subscriptions_.ready()) {
      ready_.store(true, std::memory_order_release);
      log::info(target, "first sync is complete",
                {log::num("resources", static_cast<std::int64_t>(subscriptions_.held()))});
      if (events_.ready) events_.ready();
    }
  }

  void report(const XdsResponse& response) {
    if (response.foreign) {
      log::warn(target, "the server sends a type that nobody subscribed to: ignored",
                {log::str("type", response.type_url)});
      return;
    }
    log::info(target, "received",
              {log::bare("type", response.type_url),
               log::num("resources", static_cast<std::int64_t>(response.accepted.size())),
               log::num("removed", static_cast<std::int64_t>(response.removed.size()))});
    for (const auto& why : response.rejected)
      log::warn(target, "resource rejected", {log::str("error", why)});
    for (const auto& policy : response.stand_ins)
      log::warn(
          target,
          "a policy that cannot be read has no earlier version: until it can be read, " +
              std::string(policy.action == state::Policy::Action::allow ? "it allows nothing"
                                                                        : "it denies everything"),
          {log::str("policy", policy.resource_name.str())});
    if (events_.received)
      events_.received(response.type_url, response.payload_bytes, response.rejected.size());
  }

  void on_end(const grpc::Status& status) {
    const auto lived = Clock::now() - began_;
    const bool established = connected() || lived >= ReconnectPolicy::kStood;
    stream_.reset();
    connected_.store(false, std::memory_order_release);
    if (is_too_large(status)) subscriptions_.on_too_large();
    end({kind_of(status), established, lived},
        to_error(status, "xDS server " + dialer_.name()).detail);
  }

  void end(const StreamEnd& how, const std::string& why) {
    const auto next = policy_.next(how);
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(next.after).count();
    const bool expected =
        next.reason == XdsTermination::reconnect || next.reason == XdsTermination::complete;
    log::write(expected ? log::Level::info : log::Level::warn, target,
               how.established ? "stream ended" : "cannot connect",
               {log::str("reason", why), log::num("retry_ms", pause)});
    if (events_.terminated) events_.terminated(next.reason);
    connect_after(next.after);
  }

  // constant after construction
  const Dialer dialer_;
  const XdsEvents events_;
  const std::shared_ptr<Gate> gate_;

  // control thread only
  boost::asio::steady_timer timer_;
  XdsSubscriptions subscriptions_;
  ReconnectPolicy policy_;
  std::shared_ptr<XdsStream> stream_;
  TimePoint began_{};

  std::atomic<bool> ready_{false};
  std::atomic<bool> connected_{false};
};

Result<std::unique_ptr<XdsClient>> XdsClient::make(boost::asio::io_context& io, XdsOptions options,
                                                   XdsEvents events) {
  auto dialer = Dialer::make(std::move(options.server));
  if (!dialer) return dialer.error().with("xDS");
  auto subscriptions = XdsSubscriptions::make(options.node);
  if (!subscriptions) return subscriptions.error();
  return std::unique_ptr<XdsClient>(new XdsClient(std::make_shared<Impl>(
      io, std::move(*dialer), std::move(*subscriptions), std::move(events))));
}
XdsClient::XdsClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
XdsClient::~XdsClient() { impl_->close(); }
void XdsClient::start() { impl_->start(); }
bool XdsClient::ready() const { return impl_->ready(); }
bool XdsClient::connected() const { return impl_->connected(); }

}  // namespace culvert::control
