#include "authority/x509.hpp"

#include "culvert/base/address.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>

namespace culvert::authority {
namespace {

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using BigPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using NamePtr = std::unique_ptr<GENERAL_NAME, OpensslFree<GENERAL_NAME_free>>;
using ExtPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;

BioPtr reader(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// For a PEM block that says it is encrypted. None of ours is; without this OpenSSL would ask for
// the passphrase on the terminal of whoever started the program, and wait.
int no_passphrase(char*, int, int, void*) { return -1; }

std::string contents(BIO& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

bool set_random_serial(X509& cert) {
  const BigPtr serial(BN_new());
  return serial && BN_rand(serial.get(), 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(&cert)) != nullptr;
}

bool set_times(X509& cert, const CertProfile& profile) {
  const auto begin = WallClock::to_time_t(profile.not_before);
  const auto end = WallClock::to_time_t(profile.not_after);
  return ASN1_TIME_set(X509_getm_notBefore(&cert), begin) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(&cert), end) != nullptr;
}

// Built from values, not from OpenSSL's "URI:...,DNS:..." text, which a comma could break out of.
NamePtr general_name(const AltName& alt) {
  NamePtr name(GENERAL_NAME_new());
  if (!name) return nullptr;
  std::string bytes = alt.value;
  if (alt.kind == AltName::Kind::ip) {
    const auto ip = IpAddress::parse(alt.value);
    if (!ip) return nullptr;
    bytes = as_text(ip->bytes());
  }
  const bool is_ip = alt.kind == AltName::Kind::ip;
  std::unique_ptr<ASN1_STRING, OpensslFree<ASN1_STRING_free>> text(
      ASN1_STRING_type_new(is_ip ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  if (!text || ASN1_STRING_set(text.get(), bytes.data(), static_cast<int>(bytes.size())) != 1)
    return nullptr;
  const int type = is_ip ? GEN_IPADD : alt.kind == AltName::Kind::dns ? GEN_DNS : GEN_URI;
  GENERAL_NAME_set0_value(name.get(), type, text.release());
  return name;
}

bool add_alt_names(X509& cert, const CertProfile& profile) {
  if (profile.alt_names.empty()) return true;
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  if (!names) return false;
  for (const auto& alt : profile.alt_names) {
    auto name = general_name(alt);
    if (!name || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return false;
    static_cast<void>(name.release());
  }
  const int critical = profile.common_name.empty() ? 1 : 0;  // RFC 5280 section 4.2.1.6
  return X509_add1_ext_i2d(&cert, NID_subject_alt_name, names.get(), critical, 0) == 1;
}

bool add_extension(X509& cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer != nullptr ? issuer : &cert, &cert, nullptr, nullptr, 0);
  const ExtPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(&cert, extension.get(), -1) == 1;
}

bool add_extensions(X509& cert, const CertProfile& profile, X509* issuer) {
  const auto add = [&](int nid, const char* value) {
    return add_extension(cert, issuer, nid, value);
  };
  if (!add_alt_names(cert, profile) || !add(NID_subject_key_identifier, "hash")) return false;
  if (profile.is_ca)
    return add(NID_basic_constraints, "critical,CA:TRUE") &&
           add(NID_key_usage, "critical,keyCertSign,cRLSign");
  return add(NID_authority_key_identifier, "keyid:always") &&
         add(NID_basic_constraints, "critical,CA:FALSE") &&
         add(NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
         add(NID_ext_key_usage, "clientAuth,serverAuth");
}

bool set_names(X509& cert, const CertProfile& profile, X509* issuer) {
  X509_NAME* subject = X509_get_subject_name(&cert);
  if (!profile.common_name.empty() &&
      X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(profile.common_name.data()),
                                 static_cast<int>(profile.common_name.size()), -1, 0) != 1)
    return false;
  return X509_set_issuer_name(&cert, issuer ? X509_get_subject_name(issuer) : subject) == 1;
}

// The URI SANs of the extension request; an absent extension means none.
Result<std::vector<std::string>> requested_uris(X509_REQ& request) {
  struct FreeStack {
    void operator()(STACK_OF(X509_EXTENSION) * s) const {
      sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free);
    }
  };
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeStack> extensions(
      X509_REQ_get_extensions(&request));
  std::vector<std::string> uris;
  if (!extensions) return uris;
  int found = 0;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions.get(), NID_subject_alt_name, &found, nullptr)));
  if (!names && found != -1)
    return fail(Errc::invalid, "signing request: unreadable or repeated subjectAltName");
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

}  // namespace

Error openssl_error(Errc code, std::string what) {
  char text[256];
  for (auto error = ERR_get_error(); error != 0; error = ERR_get_error()) {
    ERR_error_string_n(error, text, sizeof text);
    what.append(": ").append(text);
  }
  return fail(code, std::move(what));
}

Result<KeyPtr> make_key() {
  ERR_clear_error();
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error(Errc::unsupported, "cannot make a P-256 key");
  return key;
}

Result<std::string> to_pem(EVP_PKEY& key) {
  ERR_clear_error();
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_error(Errc::invalid, "cannot encode a private key");
  return contents(*bio);
}

Result<std::string> to_pem(X509& cert) {
  ERR_clear_error();
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), &cert) != 1)
    return openssl_error(Errc::invalid, "cannot encode a certificate");
  return contents(*bio);
}

Result<KeyPtr> key_from_pem(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  KeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) return openssl_error(Errc::invalid, "not a private key in PEM");
  return key;
}

Result<CertPtr> cert_from_pem(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  CertPtr cert(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!cert) return openssl_error(Errc::invalid, "not a certificate in PEM");
  return cert;
}

Result<CertPtr> sign_certificate(const CertProfile& profile, EVP_PKEY& subject_key, X509* issuer,
                                 EVP_PKEY& issuer_key) {
  ERR_clear_error();
  CertPtr cert(X509_new());
  if (!cert || X509_set_version(cert.get(), X509_VERSION_3) != 1 || !set_random_serial(*cert) ||
      !set_times(*cert, profile) || !set_names(*cert, profile, issuer) ||
      X509_set_pubkey(cert.get(), &subject_key) != 1 || !add_extensions(*cert, profile, issuer) ||
      X509_sign(cert.get(), &issuer_key, EVP_sha256()) == 0)
    return openssl_error(Errc::invalid, "cannot sign a certificate");
  return cert;
}

Result<WallTime> not_after(const X509& cert) {
  tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&cert), &parts) != 1)
    return openssl_error(Errc::invalid, "certificate with an unreadable notAfter");
  // "No end" is the year 9999 (RFC 5280 section 4.1.2.5), which the clock cannot count to.
  const auto last =
      std::chrono::duration_cast<std::chrono::seconds>(WallTime::max().time_since_epoch());
  return WallClock::from_time_t(std::clamp<std::time_t>(timegm(&parts), 0, last.count()));
}

Result<SigningRequest> read_signing_request(std::string_view pem) {
  constexpr std::size_t kMaxSize = 64 * 1024;  // a request with one SAN is below 1 KiB
  constexpr int kMinSecurityBits = 112;        // RSA 2048, P-224 (NIST SP 800-57)
  if (pem.size() > kMaxSize) return fail(Errc::invalid, "signing request: longer than 64 KiB");
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  const std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>> request(
      bio ? PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!request) return openssl_error(Errc::invalid, "signing request: not PKCS#10 in PEM");
  KeyPtr key(X509_REQ_get_pubkey(request.get()));
  if (!key) return openssl_error(Errc::invalid, "signing request: unreadable public key");
  if (EVP_PKEY_get_security_bits(key.get()) < kMinSecurityBits)
    return fail(Errc::invalid, "signing request: the key is too weak");
  if (X509_REQ_verify(request.get(), key.get()) != 1)
    return openssl_error(Errc::invalid, "signing request: its signature does not verify");
  auto uris = requested_uris(*request);
  if (!uris) return uris.error();
  return SigningRequest{std::move(key), std::move(*uris)};
}

}  // namespace culvert::authority
