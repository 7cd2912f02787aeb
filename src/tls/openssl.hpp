// Owning handles of OpenSSL objects, and its error queue as text. Private to tls.
#pragma once

#include "culvert/base/result.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace culvert::tls {

// Calls an OpenSSL free function.
template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;

// Empties this thread's error queue into "reason: data; reason"; "unknown error" when it is empty.
std::string drain_errors();

// A failure of the library itself: `what`, and what the error queue says.
Error crypto_error(std::string_view what, Errc code = Errc::tls);

// What was written to a memory BIO.
std::string bio_text(BIO* bio);

// For every PEM_read_*: without it, OpenSSL asks the terminal about an encrypted text, and waits.
int no_pass_phrase(char*, int, int, void*);

}  // namespace culvert::tls
