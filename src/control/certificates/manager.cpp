// Drives CertificateSchedule: keys, requests, timer, waiters, and the table that other threads
// read.
#include "culvert/control/certificates.hpp"

#include "control/certificates/schedule.hpp"
#include "culvert/base/log.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

namespace culvert::control {
namespace {

namespace asio = boost::asio;
using CertificatePtr = std::shared_ptr<const tls::Certificate>;

log::Target target("control::certificates");

Now current() { return {Clock::now(), WallClock::now()}; }

}  // namespace

class CertificateManager::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, CertificateSigner& signer, CertificateManagerOptions options,
       CertificateEvents events)
      : io_(io),
        signer_(signer),
        events_(std::move(events)),
        timer_(io),
        schedule_(options.max_in_flight, options.linger, Random().next()) {}

  CertificatePtr cached(const Identity& identity) const {
    const std::shared_lock lock(mutex_);
    const auto found = published_.find(identity);
    if (found == published_.end() || !found->second.certificate) return nullptr;
    const auto& certificate = found->second.certificate;
    return WallClock::now() < certificate->not_after() ? certificate : nullptr;
  }

  void fetch(const Identity& identity, tls::Priority priority, Done done) {
    if (auto certificate = cached(identity)) return done(std::move(certificate));
    asio::post(io_,
               [self = weak_from_this(), identity, priority, done = std::move(done)]() mutable {
                 const auto impl = self.lock();
                 if (!impl || impl->closed_) return done(cancelled());
                 impl->want(identity, priority, std::move(done));
               });
  }

  void prefetch(const Identity& identity) { want(identity, tls::Priority::warmup, nullptr); }

  void forget(const Identity& identity) {
    if (schedule_.forget(current(), identity)) drop(identity);
    pump();
  }

  std::vector<CertificateStatus> list() const {
    std::vector<CertificateStatus> out;
    {
      const std::shared_lock lock(mutex_);
      for (const auto& [identity, slot] : published_)
        out.push_back({identity, slot.state, slot.certificate});
    }
    std::sort(out.begin(), out.end(),
              [](const auto& a, const auto& b) { return a.identity < b.identity; });
    return out;
  }

  void close() {
    closed_ = true;
    timer_.cancel();
    for (auto& [identity, waiting] : std::exchange(waiters_, {}))
      for (auto& done : waiting) done(cancelled());
  }

 private:
  struct Slot {
    std::string state;
    CertificatePtr certificate;
  };

  static Error cancelled() { return fail(Errc::cancelled, "the certificate manager has stopped"); }

  // `done` may be empty: somebody will ask later.
  void want(const Identity& identity, tls::Priority priority, Done done) {
    const auto answer = schedule_.want(current(), identity, priority);
    if (answer == CertificateSchedule::Answer::wait) {
      if (done) waiters_[identity].push_back(std::move(done));
      publish(identity, nullptr);
    } else if (done && answer == CertificateSchedule::Answer::failed) {
      done(fail(Errc::identity, schedule_.last_error(identity)));
    } else if (done) {
      done(held(identity));
    }
    pump();
  }

  CertificatePtr held(const Identity& identity) const {
    const std::shared_lock lock(mutex_);
    return published_.at(identity).certificate;
  }

  // Shows the identity's state, with `replacement` as its certificate unless that is null.
  void publish(const Identity& identity, CertificatePtr replacement) {
    auto state = schedule_.state(identity);
    const std::unique_lock lock(mutex_);
    auto& slot = published_[identity];
    slot.state = std::move(state);
    if (replacement) slot.certificate = std::move(replacement);
  }

  void drop(const Identity& identity) {
    {
      const std::unique_lock lock(mutex_);
      published_.erase(identity);
    }
    answer(identity, fail(Errc::identity, "the identity is no longer needed"));
  }

  void answer(const Identity& identity, const Result<CertificatePtr>& result) {
    const auto waiting = waiters_.extract(identity);
    if (!waiting) return;
    for (auto& done : waiting.mapped()) done(result);
  }

  // Sends what is due and sleeps until something will be.
  void pump() {
    if (closed_) return;
    const auto now = current();
    for (const auto& identity : schedule_.expired(now)) drop(identity);
    for (auto& request : schedule_.due(now)) send(std::move(request));
    timer_.cancel();
    const auto at = schedule_.deadline(now);
    if (!at) return;
    timer_.expires_at(*at);
    timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (!error && impl) impl->pump();
    });
  }

  void send(CertificateSchedule::Request request) {
    auto made = tls::make_csr(request.identity);
    if (!made) {  // the crypto library refuses: as bad as a CA that does
      asio::post(io_, [self = weak_from_this(), request, error = made.error()] {
        if (const auto impl = self.lock()) impl->finished(request, error);
      });
      return;
    }
    log::debug(target, "requesting a certificate", {log::str("identity", request.identity.uri())});
    auto done = [self = weak_from_this(), request,
                 key = made->key](const Result<std::vector<std::string>>& chain) {
      const auto impl = self.lock();
      if (!impl || impl->closed_) return;
      if (!chain) return impl->finished(request, chain.error());
      impl->finished(request, tls::Certificate::from_pem(*chain, key, request.identity));
    };
    signer_.sign(request.identity, std::move(made->csr_pem), std::move(done));
  }

  void finished(const CertificateSchedule::Request& request, const Result<CertificatePtr>& result) {
    using Outcome = CertificateSchedule::Outcome;
    if (closed_) return;
    const auto now = current();
    const auto outcome =
        result ? schedule_.succeeded(
                     now, request,
                     {(*result)->not_before(), (*result)->not_after(), (*result)->refresh_at()})
               : schedule_.failed(now, request, result.error().detail);
    const auto& identity = request.identity;
    if (outcome == Outcome::available)
      obtained(identity, *result);
    else if (outcome != Outcome::ignored)
      refused(identity, outcome == Outcome::kept);
    pump();
  }

  void obtained(const Identity& identity, const CertificatePtr& certificate) {
    publish(identity, certificate);
    log::info(target, "obtained a certificate", {log::str("identity", identity.uri())});
    if (events_.obtained) events_.obtained();
    answer(identity, certificate);
  }

  void refused(const Identity& identity, bool kept) {
    publish(identity, nullptr);
    const auto why = schedule_.last_error(identity);
    log::warn(target, kept ? "renewal failed, the old certificate stays" : "no certificate",
              {log::str("identity", identity.uri()), log::str("error", why)});
    if (events_.failed) events_.failed();
    if (!kept) answer(identity, fail(Errc::identity, why));
  }

  // constant after construction
  asio::io_context& io_;
  CertificateSigner& signer_;
  const CertificateEvents events_;

  // control thread only
  asio::steady_timer timer_;
  CertificateSchedule schedule_;
  std::unordered_map<Identity, std::vector<Done>> waiters_;
  bool closed_ = false;

  mutable std::shared_mutex mutex_;
  std::unordered_map<Identity, Slot> published_;  // guarded by mutex_, written by control
};

CertificateManager::CertificateManager(asio::io_context& io, CertificateSigner& signer,
                                       CertificateManagerOptions options, CertificateEvents events)
    : impl_(std::make_shared<Impl>(io, signer, options, std::move(events))) {}
CertificateManager::~CertificateManager() { impl_->close(); }
CertificatePtr CertificateManager::cached(const Identity& identity) {
  return impl_->cached(identity);
}
void CertificateManager::fetch(const Identity& identity, tls::Priority priority, Done done) {
  impl_->fetch(identity, priority, std::move(done));
}
void CertificateManager::prefetch(const Identity& identity) { impl_->prefetch(identity); }
void CertificateManager::forget(const Identity& identity) { impl_->forget(identity); }
std::vector<CertificateStatus> CertificateManager::list() const { return impl_->list(); }

}  // namespace culvert::control
