// Owning handles over OpenSSL and the few X.509 steps that the CA is made of: make a key, sign a
// certificate, read a signing request. No policy here: ca.hpp decides what goes into a certificate.
// Thread: any; nothing is shared.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::authority {

template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, OpensslFree<X509_free>>;

// `what` with everything that this thread's OpenSSL error queue holds, which is drained.
Error openssl_error(Errc code, std::string what);

// A fresh P-256 key.
Result<KeyPtr> make_key();
// PKCS#8 PEM without a passphrase: a secret, never to be logged.
Result<std::string> to_pem(EVP_PKEY& key);
Result<std::string> to_pem(X509& cert);
Result<KeyPtr> key_from_pem(std::string_view pem);
// The first certificate of `pem`.
Result<CertPtr> cert_from_pem(std::string_view pem);

// One subject alternative name. An `ip` value is text.
struct AltName {
  enum class Kind { uri, dns, ip };
  Kind kind;
  std::string value;
};

// What a certificate says. RFC 5280; leaves also X.509-SVID section 3 to 5.
struct CertProfile {
  std::string common_name;         // empty: an empty subject, and the alternative names critical
  std::vector<AltName> alt_names;  // may be empty
  bool is_ca = false;              // else a leaf for clientAuth and serverAuth
  WallTime not_before;             // to the second
  WallTime not_after;
};

// A certificate for `subject_key`, signed by `issuer_key` with SHA-256. `issuer` null means
// self-signed. The serial number is 128 random bits.
Result<CertPtr> sign_certificate(const CertProfile& profile, EVP_PKEY& subject_key, X509* issuer,
                                 EVP_PKEY& issuer_key);

// The notAfter of `cert`.
Result<WallTime> not_after(const X509& cert);

// What a PKCS#10 request proves and asks for.
struct SigningRequest {
  KeyPtr key;                     // proven by the request's own signature
  std::vector<std::string> uris;  // URI SANs asked for, in order, undecoded
};

// Reads a PEM PKCS#10 request from a peer (RFC 2986). Errc::invalid when it is longer than 64 KiB,
// does not parse, is encrypted (nobody is asked for a passphrase), its signature does not verify,
// or its key is weaker than 112 bits.
Result<SigningRequest> read_signing_request(std::string_view pem);

}  // namespace culvert::authority
