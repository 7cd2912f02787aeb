// Certificate requests as clients make them, with every property that a test wants to be wrong.
#pragma once

#include "authority/x509.hpp"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

namespace culvert::authority {

struct RequestOptions {
  std::vector<std::string> uris;
  bool foreign_signature = false;  // signed by another key than the one inside
  unsigned weak_rsa_bits = 0;      // this RSA key instead of P-256
};

// A PEM PKCS#10 request. Aborts the test when OpenSSL refuses.
inline std::string make_request(const RequestOptions& options) {
  const auto must = [](bool ok) {
    if (!ok) ::abort();
  };
  KeyPtr key =
      options.weak_rsa_bits != 0 ? KeyPtr(EVP_RSA_gen(options.weak_rsa_bits)) : *make_key();
  const KeyPtr other = *make_key();
  const std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>> request(X509_REQ_new());
  must(X509_REQ_set_pubkey(request.get(), key.get()) == 1);
  if (!options.uris.empty()) {
    std::string value = "critical";
    for (const auto& uri : options.uris) value += ",URI:" + uri;
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(
        extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()));
    must(X509_REQ_add_extensions(request.get(), extensions) == 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
  auto* signer = options.foreign_signature ? other.get() : key.get();
  must(X509_REQ_sign(request.get(), signer, EVP_sha256()) > 0);
  const std::unique_ptr<BIO, OpensslFree<BIO_free>> bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace culvert::authority
