#include "culvert/tls/certificate.hpp"
#include "tls/openssl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace culvert::tls {
namespace {

// The critical SAN extension with one URI. Built from parts and not from OpenSSL's configuration
// syntax, in which a comma inside a name would start another name.
X509_EXTENSION* san_extension(const std::string& uri) {
  const GeneralNamesPtr names(GENERAL_NAMES_new());
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  const bool filled = names && name != nullptr && text != nullptr &&
                      ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size())) == 1;
  if (filled) {
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    text = nullptr;
  }
  ASN1_IA5STRING_free(text);
  if (!filled || sk_GENERAL_NAME_push(names.get(), name) <= 0) {
    GENERAL_NAME_free(name);
    return nullptr;
  }
  return X509V3_EXT_i2d(NID_subject_alt_name, 1, names.get());
}

bool add_san(X509_REQ* request, const std::string& uri) {
  X509_EXTENSION* extension = san_extension(uri);
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  const bool added = extension != nullptr && extensions != nullptr &&
                     sk_X509_EXTENSION_push(extensions, extension) > 0;
  if (!added) X509_EXTENSION_free(extension);
  const bool done = added && X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return done;
}

}  // namespace

Result<KeyAndCsr> make_csr(const Identity& identity) {
  auto key = PrivateKey::generate();
  if (!key) return key.error();
  ERR_clear_error();
  const RequestPtr request(X509_REQ_new());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!request || !bio || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key->native()) != 1 ||
      !add_san(request.get(), identity.uri()) ||
      X509_REQ_sign(request.get(), key->native(), EVP_sha256()) <= 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
    return crypto_error("making a certificate request");
  return KeyAndCsr{*std::move(key), bio_text(bio.get())};
}

}  // namespace culvert::tls
