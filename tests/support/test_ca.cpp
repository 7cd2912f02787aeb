#include "support/test_ca.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace culvert::testing {
namespace {

// Test support may assume that OpenSSL works.
template <class T>
T must(T value, const char* what) {
  if (value) return value;
  std::fprintf(stderr, "test CA: %s failed\n", what);
  std::abort();
}

using X509Shared = std::shared_ptr<X509>;
using KeyShared = std::shared_ptr<EVP_PKEY>;

KeyShared new_key() {
  return {must(EVP_EC_gen("P-256"), "EVP_EC_gen"), [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

std::string pem_of(X509* certificate) {
  BIO* bio = must(BIO_new(BIO_s_mem()), "BIO_new");
  must(PEM_write_bio_X509(bio, certificate), "PEM_write_bio_X509");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = must(BIO_new(BIO_s_mem()), "BIO_new");
  must(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr),
       "PEM_write_bio_PKCS8PrivateKey");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// A certificate with serial, dates and key, not signed yet.
X509Shared blank(EVP_PKEY* key, std::chrono::seconds not_before, std::chrono::seconds not_after) {
  X509Shared x(must(X509_new(), "X509_new"), [](X509* c) { X509_free(c); });
  X509_set_version(x.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)), "RAND_bytes");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x.get()), serial | 1);
  X509_gmtime_adj(X509_getm_notBefore(x.get()), not_before.count());
  X509_gmtime_adj(X509_getm_notAfter(x.get()), not_after.count());
  must(X509_set_pubkey(x.get(), key), "X509_set_pubkey");
  return x;
}

void add_extension(X509* x, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, x, x, nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      must(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "X509V3_EXT_conf_nid");
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
}

void add_uris(X509* x, const std::vector<std::string>& uris) {
  GENERAL_NAMES* names = must(GENERAL_NAMES_new(), "GENERAL_NAMES_new");
  for (const std::string& uri : uris) {
    ASN1_IA5STRING* text = must(ASN1_IA5STRING_new(), "ASN1_IA5STRING_new");
    ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
    GENERAL_NAME* name = must(GENERAL_NAME_new(), "GENERAL_NAME_new");
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    sk_GENERAL_NAME_push(names, name);
  }
  must(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT),
       "X509_add1_ext_i2d");
  GENERAL_NAMES_free(names);
}

void set_common_name(X509_NAME* name, const std::string& text) {
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0),
       "X509_NAME_add_entry_by_txt");
}

// One certificate authority: a certificate that may sign, and its key.
struct Issuer {
  X509Shared certificate;
  KeyShared key;
};

// Signed by `parent`, or by itself when that is null.
Issuer make_issuer(const std::string& name, const Issuer* parent) {
  Issuer made;
  made.key = new_key();
  made.certificate = blank(made.key.get(), std::chrono::hours(-24), std::chrono::hours(24 * 365));
  X509* x = made.certificate.get();
  set_common_name(X509_get_subject_name(x), name);
  X509_set_issuer_name(x, X509_get_subject_name(parent != nullptr ? parent->certificate.get() : x));
  add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(x, NID_key_usage, "critical,keyCertSign,cRLSign");
  must(X509_sign(x, (parent != nullptr ? parent->key : made.key).get(), EVP_sha256()), "X509_sign");
  return made;
}

}  // namespace

struct TestCa::State {
  std::mutex mutex;
  std::vector<Issuer> issuers;  // root first, the one that signs leaves last
  std::string root;             // PEM
  std::string bundle;           // guarded by mutex

  std::vector<std::string> chain_for(EVP_PKEY* key, const Identity& identity,
                                     const LeafOptions& options);
};

std::vector<std::string> TestCa::State::chain_for(EVP_PKEY* key, const Identity& identity,
                                                  const LeafOptions& options) {
  const Issuer& issuer = issuers.back();
  const X509Shared leaf = blank(key, options.not_before, options.not_after);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.certificate.get()));
  if (!options.usage.empty()) add_extension(leaf.get(), NID_ext_key_usage, options.usage);
  add_uris(leaf.get(),
           options.uris.empty() ? std::vector<std::string>{identity.uri()} : options.uris);
  must(X509_sign(leaf.get(), issuer.key.get(), EVP_sha256()), "X509_sign");
  std::vector<std::string> chain{pem_of(leaf.get())};
  for (std::size_t i = issuers.size(); i-- > 1;)
    chain.push_back(pem_of(issuers[i].certificate.get()));
  const std::lock_guard lock(mutex);
  chain.push_back(bundle);
  return chain;
}

TestCa::TestCa(int intermediates, const std::string& name) : state_(std::make_unique<State>()) {
  state_->issuers.push_back(make_issuer(name, nullptr));
  for (int i = 0; i < intermediates; ++i)
    state_->issuers.push_back(
        make_issuer(name + " intermediate " + std::to_string(i), &state_->issuers.back()));
  state_->root = pem_of(state_->issuers.front().certificate.get());
  state_->bundle = state_->root;
}

TestCa::~TestCa() = default;

IssuedPem TestCa::issue_pem(const Identity& identity, const LeafOptions& options) {
  const KeyShared key = new_key();
  return {state_->chain_for(key.get(), identity, options), pem_of(key.get())};
}

std::shared_ptr<const tls::Certificate> TestCa::issue(const Identity& identity,
                                                      const LeafOptions& options) {
  const IssuedPem pem = issue_pem(identity, options);
  auto key = tls::PrivateKey::from_pem(pem.key);
  must(key.has_value(), "PrivateKey::from_pem");
  auto made = tls::Certificate::from_pem(pem.chain, *std::move(key), std::nullopt);
  if (!made) std::fprintf(stderr, "%s\n", made.error().detail.c_str());
  must(made.has_value(), "Certificate::from_pem");
  return *made;
}

std::vector<std::string> TestCa::sign_csr(const std::string& csr_pem, const Identity& identity,
                                          const LeafOptions& options) {
  BIO* bio = must(BIO_new_mem_buf(csr_pem.data(), static_cast<int>(csr_pem.size())), "BIO");
  X509_REQ* request =
      must(PEM_read_bio_X509_REQ(bio, nullptr, nullptr, nullptr), "PEM_read_bio_X509_REQ");
  EVP_PKEY* key = must(X509_REQ_get0_pubkey(request), "X509_REQ_get0_pubkey");
  must(X509_REQ_verify(request, key) == 1, "X509_REQ_verify");
  auto chain = state_->chain_for(key, identity, options);
  X509_REQ_free(request);
  BIO_free(bio);
  return chain;
}

const std::string& TestCa::root_pem() const { return state_->root; }

void TestCa::add_trust(const std::string& pem) {
  const std::lock_guard lock(state_->mutex);
  state_->bundle += pem;
}

std::shared_ptr<const tls::Certificate> FakeCertificateSource::cached(const Identity& identity) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(identity.uri());
  return found != held_.end() && found->second->valid_at(WallClock::now()) ? found->second
                                                                           : nullptr;
}

void FakeCertificateSource::fetch(const Identity& identity, tls::Priority, Done done) {
  Result<std::shared_ptr<const tls::Certificate>> answer = fail(Errc::identity);
  {
    const std::lock_guard lock(mutex_);
    ++fetches_;
    const auto failing = failing_.find(identity.uri());
    if (failing != failing_.end()) {
      answer = fail(Errc::identity, failing->second);
    } else {
      auto& held = held_[identity.uri()];
      if (!held || !held->valid_at(WallClock::now())) held = ca_.issue(identity);
      answer = held;
    }
  }
  done(std::move(answer));
}

void FakeCertificateSource::fail_for(const Identity& identity, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  failing_[identity.uri()] = detail;
  held_.erase(identity.uri());
}

void FakeCertificateSource::put(const Identity& identity,
                                std::shared_ptr<const tls::Certificate> certificate) {
  const std::lock_guard lock(mutex_);
  held_[identity.uri()] = std::move(certificate);
}

int FakeCertificateSource::fetches() const {
  const std::lock_guard lock(mutex_);
  return fetches_;
}

}  // namespace culvert::testing
