// The client of the mesh's certificate authority (istio.v1.auth): signs requests for the identities
// of this node's pods.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/control/server.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace culvert::control {

// Somebody who signs certificate requests.
class CertificateSigner {
 public:
  // The chain as PEM texts: leaf, intermediates, at last the roots (one text, maybe several
  // certificates); at least two elements.
  using Done = std::function<void(Result<std::vector<std::string>>)>;

  virtual ~CertificateSigner() = default;
  // Has `csr_pem` (PKCS#10) signed for `identity`. `done` is called once, on the control thread,
  // never from within sign(); not at all if the signer is destroyed first.
  virtual void sign(const Identity& identity, std::string csr_pem, Done done) = 0;
};

struct CaOptions {
  ServerOptions server;
  // SECRET_TTL: the validity asked for.
  std::chrono::seconds ttl = std::chrono::hours(24);
  // Name the identity in the request (shared mode), because the caller's token is the node's.
  bool impersonate = true;
  // How long one call may take before it is Errc::timed_out.
  std::chrono::milliseconds deadline = std::chrono::seconds(10);
};

// Lives on the control thread. One channel, opened by the first call and kept; opened anew when the
// root file changed or a call could not reach the server. Errors: Errc::refused (the CA said no),
// timed_out, unavailable (not reached), protocol (an answer that makes no sense), and what
// TokenSource::read() gives.
class CaClient : public CertificateSigner {
 public:
  // Errc::invalid for an address or header that can never work. `io` must outlive the client.
  static Result<std::unique_ptr<CaClient>> make(boost::asio::io_context& io, CaOptions options);
  // Cancels calls under way; their `done` is not called.
  ~CaClient() override;

  void sign(const Identity& identity, std::string csr_pem, Done done) override;

 private:
  class Impl;
  explicit CaClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::control
