#include "culvert/hbone/context.hpp"

#include "culvert/net/one_shot.hpp"

namespace culvert::hbone {

namespace {

template <class T>
Result<const T*> current(std::unordered_map<Identity, std::unique_ptr<T>>& held,
                         const Identity& identity,
                         const std::shared_ptr<const tls::Certificate>& certificate,
                         const tls::TlsOptions& options) {
  auto& slot = held[identity];
  if (slot && &slot->certificate() == certificate.get()) return slot.get();
  auto made = T::create(certificate, options);
  if (!made) return made.error();
  slot = std::move(*made);
  return slot.get();
}

using CertificateResult = Result<std::shared_ptr<const tls::Certificate>>;

}  // namespace

Result<const tls::ClientContext*> TlsContexts::client(
    const Identity& identity, const std::shared_ptr<const tls::Certificate>& certificate) {
  return current(clients_, identity, certificate, options_);
}

Result<const tls::ServerContext*> TlsContexts::server(
    const Identity& identity, const std::shared_ptr<const tls::Certificate>& certificate) {
  return current(servers_, identity, certificate, options_);
}

void TlsContexts::forget(const Identity& identity) {
  clients_.erase(identity);
  servers_.erase(identity);
}

net::Async<Result<std::shared_ptr<const tls::Certificate>>> certificate_of(
    Context& context, Identity identity, TimePoint deadline, net::Cancellation* cancellation) {
  if (auto held = context.certificates.cached(identity)) co_return held;
  // Shared with the callback, which may come after we have given up.
  auto shot = std::make_shared<net::OneShot<CertificateResult>>(context.worker);
  net::Worker& worker = context.worker;
  tls::CertificateSource::Done done = [shot, &worker](CertificateResult result) {
    worker.post([shot, result = std::move(result)]() mutable { shot->set(std::move(result)); });
  };
  context.certificates.fetch(identity, tls::Priority::realtime, std::move(done));
  net::Timer timer([raw = shot.get(), &identity] {
    raw->set(fail(Errc::identity, "no certificate for " + identity.uri() + " in time"));
  });
  timer.arm(worker.timers(), deadline);
  const net::Cancellation::Scope scope(cancellation,
                                       [raw = shot.get()](const Error& e) { raw->set(e); });
  co_return co_await shot->wait();
}

}  // namespace culvert::hbone
