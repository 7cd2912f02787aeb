// What all handshakes of one identity share: protocol versions, suites, groups, own chain, trust
// roots. One per identity, direction and worker, so that reference counts never cross threads.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/tls/certificate.hpp"

#include <memory>

struct ssl_ctx_st;

namespace culvert::tls {

// Policy of the whole process; constant after start.
struct TlsOptions {
  bool tls12 = false;            // also allow TLS 1.2 with its four ECDHE AES-GCM suites
  bool pqc_only = false;         // offer and accept only the group X25519MLKEM768
  bool openssl_records = false;  // keep OpenSSL's record layer after the handshake
};

// Checks that the linked crypto library can do what `options` ask; Errc::unsupported names what is
// missing. For one clear line at start.
Result<void> check_supported(const TlsOptions& options);

// Frees an SSL_CTX.
struct ContextFree {
  void operator()(ssl_ctx_st* context) const;
};

// Server side: asks for a client certificate and refuses peers without one, checks chain, dates,
// clientAuth, and that the peer's trust domain is the own one. ALPN: h2 or none. One thread.
class ServerContext {
 public:
  static Result<std::unique_ptr<ServerContext>> create(
      std::shared_ptr<const Certificate> certificate, const TlsOptions& options);
  const Certificate& certificate() const { return *certificate_; }
  const TlsOptions& options() const { return options_; }
  ssl_ctx_st* native() const { return context_.get(); }  // for tls only

 private:
  ServerContext(std::shared_ptr<const Certificate> certificate, const TlsOptions& options);
  std::shared_ptr<const Certificate> certificate_;
  TlsOptions options_;
  std::unique_ptr<ssl_ctx_st, ContextFree> context_;
};

// Client side: offers h2, sends no server name, checks chain, dates, serverAuth, and that one of
// the peer's SPIFFE ids is among those expected for the handshake. One thread.
class ClientContext {
 public:
  static Result<std::unique_ptr<ClientContext>> create(
      std::shared_ptr<const Certificate> certificate, const TlsOptions& options);
  const Certificate& certificate() const { return *certificate_; }
  const TlsOptions& options() const { return options_; }
  ssl_ctx_st* native() const { return context_.get(); }  // for tls only

 private:
  ClientContext(std::shared_ptr<const Certificate> certificate, const TlsOptions& options);
  std::shared_ptr<const Certificate> certificate_;
  TlsOptions options_;
  std::unique_ptr<ssl_ctx_st, ContextFree> context_;
};

}  // namespace culvert::tls
