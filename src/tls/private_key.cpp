#include "culvert/tls/certificate.hpp"
#include "tls/openssl.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace culvert::tls {
namespace {

// EVP_PKEY_free wipes the secret numbers of EC, RSA and Edwards keys.
std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

}  // namespace

Result<PrivateKey> PrivateKey::generate() {
  ERR_clear_error();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  if (key == nullptr) return crypto_error("making a P-256 key");
  return PrivateKey(own(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* key =
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr) : nullptr;
  if (key == nullptr) return crypto_error("private key", Errc::invalid);
  return PrivateKey(own(key));
}

Result<std::string> PrivateKey::to_pem() const {
  ERR_clear_error();
  // Secure-memory BIO: its buffer is wiped when it is freed.
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) != 1)
    return crypto_error("writing a private key");
  return bio_text(bio.get());
}

}  // namespace culvert::tls
