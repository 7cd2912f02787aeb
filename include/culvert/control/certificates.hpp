// The certificate manager: keeps one current certificate for every identity that is in use on this
// node, renews it at half of its life, and survives a CA that is slow, away or refusing.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/control/ca.hpp"
#include "culvert/tls/certificate_source.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace culvert::control {

struct CertificateManagerOptions {
  // Requests under way at a time, so that a node that starts does not flood the CA.
  std::size_t max_in_flight = 8;
  // How long a certificate is kept after forget(): a pod that is restarted finds it again.
  std::chrono::milliseconds linger = std::chrono::seconds(30);
};

// One identity, for the config dump.
struct CertificateStatus {
  Identity identity;
  // "Initializing", "Available" or "Unavailable: <why>".
  std::string state;
  // What is held; null unless something was obtained once.
  std::shared_ptr<const tls::Certificate> certificate;
};

// What to count; unset ones are skipped. Control thread.
struct CertificateEvents {
  std::function<void()> obtained;
  std::function<void()> failed;
};

// Made and destroyed on the control thread. cached(), fetch() and list() from any thread; `done`
// of fetch() runs on the caller's thread when the answer is at hand, else on the control thread.
// The destructor answers those still waiting with Errc::cancelled.
class CertificateManager : public tls::CertificateSource {
 public:
  // `signer` and `io` must outlive the manager, `signer` until the destructor has returned.
  CertificateManager(boost::asio::io_context& io, CertificateSigner& signer,
                     CertificateManagerOptions options = {}, CertificateEvents events = {});
  ~CertificateManager() override;

  // One shared lock and one lookup.
  std::shared_ptr<const tls::Certificate> cached(const Identity& identity) override;
  // Waits for the first result of an identity that is new. One whose requests fail answers at once
  // with the last failure; callers cause no extra requests.
  void fetch(const Identity& identity, tls::Priority priority, Done done) override;

  // Obtains one before it is needed (priority warmup), and keeps it until forget(). Control thread.
  void prefetch(const Identity& identity);
  // The last local workload with this identity is gone: waiters fail now, the certificate goes
  // after `linger` unless it is asked for again. Control thread.
  void forget(const Identity& identity);

  // All identities, sorted. Any thread.
  std::vector<CertificateStatus> list() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::control
