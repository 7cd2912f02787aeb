// The certificate authority: one self-signed P-256 root that signs workload certificates (SPIFFE
// X.509-SVID) and the control plane's own serving certificate. Knows nothing of callers: who may
// have which identity is decided in enrolment.hpp.
// Time is an argument. Thread: any one at a time.
#pragma once

#include "authority/x509.hpp"
#include "culvert/base/identity.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::authority {

// A private key and the certificate(s) that go with it, as PEM. A secret: never logged.
struct KeyAndCert {
  std::string key;
  std::string cert;
};

class CertificateAuthority {
 public:
  // A new root for `trust_domain`, good for ten years.
  static Result<KeyAndCert> make_root(std::string_view trust_domain, WallTime now);
  // From what make_root() returned earlier. Errc::invalid when either part is unreadable, they do
  // not belong together, the certificate may not sign others, or it has expired.
  static Result<CertificateAuthority> open(const KeyAndCert& root, WallTime now);

  // A leaf for `identity` with the key that `request` proved: valid from a minute before `now` (a
  // node's clock may be behind) for `ttl`, but never longer than the root. `ttl` above zero.
  // Returns the leaf alone; the root is root_pem().
  Result<std::string> issue(const SigningRequest& request, const Identity& identity,
                            std::chrono::seconds ttl, WallTime now) const;
  // A key and a chain (leaf, root) for a TLS server with these names, valid as long as the root:
  // the control plane makes a new one each time it starts.
  Result<KeyAndCert> issue_serving(const std::vector<std::string>& names, WallTime now) const;

  // The root certificate, PEM.
  const std::string& root_pem() const { return root_pem_; }

 private:
  CertificateAuthority(KeyPtr key, CertPtr cert, std::string root_pem, WallTime expires)
      : key_(std::move(key)),
        cert_(std::move(cert)),
        root_pem_(std::move(root_pem)),
        expires_(expires) {}

  // Constant after construction.
  KeyPtr key_;
  CertPtr cert_;
  std::string root_pem_;
  WallTime expires_;
};

}  // namespace culvert::authority
