#include "authority/ca.hpp"

#include "culvert/base/address.hpp"

#include <openssl/x509v3.h>

#include <algorithm>

namespace culvert::authority {
namespace {

constexpr auto kRootLife = std::chrono::hours(24 * 3652);  // ten years
constexpr auto kBackdate = std::chrono::minutes(1);        // tolerated lag of a node's clock
constexpr std::string_view kServingName = "culvert control plane";

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

AltName serving_name(const std::string& name) {
  const auto kind = IpAddress::parse(name) ? AltName::Kind::ip : AltName::Kind::dns;
  return {kind, name};
}

}  // namespace

Result<KeyAndCert> CertificateAuthority::make_root(std::string_view trust_domain, WallTime now) {
  auto key = make_key();
  if (!key) return key.error();
  // The common name is bounded at 64 characters (RFC 5280 appendix A); a trust domain may be 255.
  const auto name = "culvert root " + std::string(trust_domain.substr(0, 48));
  const CertProfile profile{.common_name = name,
                            .alt_names = {},
                            .is_ca = true,
                            .not_before = now - kBackdate,
                            .not_after = now + kRootLife};
  const auto cert = sign_certificate(profile, **key, nullptr, **key);
  if (!cert) return cert.error();
  auto key_pem = to_pem(**key);
  auto cert_pem = to_pem(**cert);
  if (!key_pem) return key_pem.error();
  if (!cert_pem) return cert_pem.error();
  return KeyAndCert{std::move(*key_pem), std::move(*cert_pem)};
}

Result<CertificateAuthority> CertificateAuthority::open(const KeyAndCert& root, WallTime now) {
  auto key = key_from_pem(root.key);
  if (!key) return key.error().with("root key");
  auto cert = cert_from_pem(root.cert);
  if (!cert) return cert.error().with("root certificate");
  if (X509_check_private_key(cert->get(), key->get()) != 1)
    return openssl_error(Errc::invalid, "the root key and the root certificate do not match");
  if (X509_check_ca(cert->get()) != 1)
    return fail(Errc::invalid, "the root certificate may not sign certificates");
  const auto expires = not_after(**cert);
  if (!expires) return expires.error();
  if (*expires <= now) return fail(Errc::invalid, "the root certificate has expired");
  auto pem = to_pem(**cert);
  if (!pem) return pem.error();
  return CertificateAuthority(std::move(*key), std::move(*cert), std::move(*pem), *expires);
}

Result<std::string> CertificateAuthority::issue(const SigningRequest& request,
                                                const Identity& identity, std::chrono::seconds ttl,
                                                WallTime now) const {
  const auto uri = identity.uri();
  if (!is_ascii(uri)) return fail(Errc::invalid, "identity with characters outside of ASCII");
  const CertProfile profile{.common_name = {},
                            .alt_names = {{AltName::Kind::uri, uri}},
                            .is_ca = false,
                            .not_before = now - kBackdate,
                            .not_after = std::min(now + ttl, expires_)};
  const auto leaf = sign_certificate(profile, *request.key, cert_.get(), *key_);
  if (!leaf) return leaf.error();
  return to_pem(**leaf);
}

Result<KeyAndCert> CertificateAuthority::issue_serving(const std::vector<std::string>& names,
                                                       WallTime now) const {
  auto key = make_key();
  if (!key) return key.error();
  CertProfile profile{.common_name = std::string(kServingName),
                      .alt_names = {},
                      .is_ca = false,
                      .not_before = now - kBackdate,
                      .not_after = expires_};
  for (const auto& name : names) {
    if (name.empty() || !is_ascii(name))
      return fail(Errc::invalid, "'" + name + "' is neither a DNS name nor an IP address");
    profile.alt_names.push_back(serving_name(name));
  }
  const auto leaf = sign_certificate(profile, **key, cert_.get(), *key_);
  if (!leaf) return leaf.error();
  auto key_pem = to_pem(**key);
  auto leaf_pem = to_pem(**leaf);
  if (!key_pem) return key_pem.error();
  if (!leaf_pem) return leaf_pem.error();
  return KeyAndCert{std::move(*key_pem), *leaf_pem + root_pem_};
}

}  // namespace culvert::authority
