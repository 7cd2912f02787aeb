#include "authority/realm.hpp"

#include "authority/enrolment.hpp"
#include "culvert/base/file.hpp"
#include "culvert/control/local.hpp"

#include <openssl/sha.h>

namespace culvert::authority {
namespace {

std::string digest(std::string_view text) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

}  // namespace

Result<bool> Realm::load_mesh(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text) return text.error();
  auto hash = digest(*text);
  if (snapshot_ && hash == mesh_digest_) return false;
  const auto mesh = control::parse_local(*text, file.string());
  if (!mesh) return mesh.error();
  auto snapshot = make_snapshot(*mesh, trust_domain_);
  if (!snapshot) return snapshot.error().with(file.string());
  snapshot_ = std::move(*snapshot);
  mesh_digest_ = std::move(hash);
  return true;
}

Result<bool> Realm::load_tokens(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return text.error();
  auto hash = digest(*text);
  if (hash == token_digest_) return false;
  auto callers = CallerBook::parse(*text, file.string());
  if (!callers) return callers.error();
  callers_ = std::move(*callers);
  token_digest_ = std::move(hash);
  return true;
}

Result<IssuedChain> Realm::issue(const Caller& caller, const CertificateOrder& order,
                                 WallTime now) const {
  const auto request = read_signing_request(order.csr);
  if (!request) return request.error();
  const auto identity =
      decide_identity(caller, order.impersonated, request->uris, trust_domain_, snapshot_->roster);
  if (!identity) return identity.error();
  auto ttl = max_ttl_;
  if (order.validity_seconds > 0 && order.validity_seconds < ttl.count())
    ttl = std::chrono::seconds(order.validity_seconds);
  auto leaf = ca_.issue(*request, *identity, ttl, now);
  if (!leaf) return leaf.error();
  return IssuedChain{*identity, {std::move(*leaf), ca_.root_pem()}};
}

}  // namespace culvert::authority
