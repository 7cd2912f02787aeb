// A workload's own certificate with all that a handshake needs beside it: chain, private key and
// the roots that the peer is checked against. Immutable, so that one object serves every worker.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace culvert::tls {

// A private key. Opaque and without any way to print it; the secret is wiped when the last copy of
// the handle dies. Copying a handle does not copy the key. Any thread.
class PrivateKey {
 public:
  // A fresh ECDSA P-256 key. Errc::tls when the crypto library refuses.
  static Result<PrivateKey> generate();
  // From PEM text (PKCS#8 or a traditional form, not encrypted). Errc::invalid otherwise.
  static Result<PrivateKey> from_pem(std::string_view pem);
  // For files that only the owner may read: PKCS#8 PEM. The caller wipes the text.
  Result<std::string> to_pem() const;

  // For tls and the certificate authority only; lives as long as this handle.
  evp_pkey_st* native() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

// What a configuration dump may say about one certificate.
struct CertificateText {
  std::string serial;      // decimal
  std::string not_before;  // RFC 3339, UTC
  std::string not_after;   // RFC 3339, UTC
  std::string pem;
};

// What a configuration dump may say about a Certificate. Never the key.
struct CertificateDescription {
  Identity identity;
  std::vector<CertificateText> chain;  // leaf first, then intermediates
  std::vector<CertificateText> roots;
};

// Own chain, key and trust roots. Any thread.
class Certificate {
 public:
  // From what a CA answers: element 0 is the leaf, the last is the root bundle (any number of
  // concatenated certificates, unreadable ones skipped), those between are intermediates.
  // Errc::invalid: no element, no root, an unreadable leaf or intermediate, a key that does not
  // belong to the leaf. Errc::identity: the leaf's first URI SAN is not `expected`, or, with
  // nothing expected, not a mesh identity.
  static Result<std::shared_ptr<const Certificate>> from_pem(
      std::span<const std::string> chain, PrivateKey key, const std::optional<Identity>& expected);

  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  // The leaf's first URI SAN.
  const Identity& identity() const { return identity_; }
  WallTime not_before() const { return not_before_; }
  WallTime not_after() const { return not_after_; }
  // When a replacement is due: half-way through the lifetime; not_after() when the dates are upside
  // down.
  WallTime refresh_at() const;
  // True from not_before() until not_after().
  bool valid_at(WallTime now) const { return now >= not_before_ && now < not_after_; }
  CertificateDescription describe() const;

  // For tls and the certificate authority only; live as long as this object. chain() is the leaf
  // and the intermediates, without root.
  std::span<const std::shared_ptr<x509_st>> chain() const { return chain_; }
  std::span<const std::shared_ptr<x509_st>> roots() const { return roots_; }
  const PrivateKey& key() const { return key_; }

 private:
  explicit Certificate(PrivateKey key) : key_(std::move(key)) {}

  Identity identity_;
  WallTime not_before_;
  WallTime not_after_;
  std::vector<std::shared_ptr<x509_st>> chain_;
  std::vector<std::shared_ptr<x509_st>> roots_;
  PrivateKey key_;
};

// A fresh key and the request that asks a CA to certify it.
struct KeyAndCsr {
  PrivateKey key;
  std::string csr_pem;
};

// PKCS#10 for `identity`: new P-256 key, SHA-256, empty subject, one critical SAN extension with
// the SPIFFE URI (RFC 2986, RFC 5280 section 4.2.1.6). Errc::tls when the crypto library refuses.
Result<KeyAndCsr> make_csr(const Identity& identity);

}  // namespace culvert::tls
