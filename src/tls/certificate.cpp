#include "culvert/tls/certificate.hpp"

#include "tls/certificate_text.hpp"
#include "tls/openssl.hpp"
#include "tls/spiffe.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

namespace culvert::tls {
namespace {

using X509Shared = std::shared_ptr<X509>;

X509Shared parse_one(std::string_view block) {
  const BioPtr bio(BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
  if (!bio) return nullptr;
  X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr);
  return {certificate, [](X509* x) { X509_free(x); }};
}

// All certificates of a PEM text; an unreadable one is null. Split here and not by OpenSSL, which
// cannot get on behind a broken block.
std::vector<X509Shared> parse_bundle(std::string_view pem) {
  static constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  static constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::vector<X509Shared> found;
  for (auto begin = pem.find(kBegin); begin != std::string_view::npos;) {
    const auto next = pem.find(kBegin, begin + kBegin.size());
    const auto end = pem.find(kEnd, begin);
    const bool whole = end != std::string_view::npos && end < next;
    found.push_back(whole ? parse_one(pem.substr(begin, end + kEnd.size() - begin)) : nullptr);
    begin = next;
  }
  return found;
}

// What a CA's answer contains, sorted by role.
struct Chain {
  std::vector<X509Shared> own;
  std::vector<X509Shared> roots;
};

Result<Chain> parse_chain(std::span<const std::string> elements) {
  if (elements.empty()) return fail(Errc::invalid, "certificate chain: empty response");
  if (elements.size() == 1) return fail(Errc::invalid, "certificate chain: no root present");
  Chain chain;
  for (std::size_t i = 0; i + 1 < elements.size(); ++i) {
    auto found = parse_bundle(elements[i]);
    if (found.empty() || std::find(found.begin(), found.end(), nullptr) != found.end())
      return crypto_error("certificate chain: element " + std::to_string(i), Errc::invalid);
    std::move(found.begin(), found.end(), std::back_inserter(chain.own));
  }
  chain.roots = parse_bundle(elements.back());
  std::erase(chain.roots, nullptr);
  ERR_clear_error();  // what the skipped roots left
  if (chain.roots.empty()) return fail(Errc::invalid, "certificate chain: no readable root");
  return chain;
}

// The leaf's identity, checked against what was asked for.
Result<Identity> leaf_identity(X509* leaf, const std::optional<Identity>& expected) {
  const auto uris = uri_sans(leaf);
  if (uris.empty()) return fail(Errc::identity, "certificate has no URI name");
  if (expected && uris.front() != expected->uri())
    return fail(Errc::identity,
                "certificate is for " + shown(uris.front()) + ", not for " + expected->uri());
  auto identity = Identity::parse(uris.front());
  if (!identity) return fail(Errc::identity, "certificate is for " + shown(uris.front()));
  return *identity;
}

}  // namespace

Result<std::shared_ptr<const Certificate>> Certificate::from_pem(
    std::span<const std::string> chain, PrivateKey key, const std::optional<Identity>& expected) {
  ERR_clear_error();
  auto parsed = parse_chain(chain);
  if (!parsed) return parsed.error();
  X509* leaf = parsed->own.front().get();
  if (X509_check_private_key(leaf, key.native()) != 1)
    return crypto_error("certificate does not belong to the key", Errc::invalid);
  auto identity = leaf_identity(leaf, expected);
  if (!identity) return identity.error();
  const auto not_before = wall_time(X509_get0_notBefore(leaf));
  const auto not_after = wall_time(X509_get0_notAfter(leaf));
  if (!not_before || !not_after) return fail(Errc::invalid, "certificate has unreadable dates");

  std::shared_ptr<Certificate> made(new Certificate(std::move(key)));
  made->identity_ = *identity;
  made->not_before_ = *not_before;
  made->not_after_ = *not_after;
  made->chain_ = std::move(parsed->own);
  made->roots_ = std::move(parsed->roots);
  return std::shared_ptr<const Certificate>(std::move(made));
}

Certificate::~Certificate() = default;

WallTime Certificate::refresh_at() const {
  return not_after_ < not_before_ ? not_after_ : not_before_ + (not_after_ - not_before_) / 2;
}

CertificateDescription Certificate::describe() const {
  CertificateDescription description{identity_, {}, {}};
  for (const auto& x : chain_) description.chain.push_back(certificate_text(x.get()));
  for (const auto& x : roots_) description.roots.push_back(certificate_text(x.get()));
  return description;
}

}  // namespace culvert::tls
