#include "tls/peer_check.hpp"

#include "tls/openssl.hpp"
#include "tls/spiffe.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace culvert::tls {
namespace {

int check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

CertificateId certificate_id(X509* certificate) {
  CertificateId id;
  unsigned length = 0;
  X509_NAME_digest(X509_get_issuer_name(certificate), EVP_sha256(), id.issuer.data(), &length);
  const BignumPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!serial) return id;
  id.serial.resize(static_cast<std::size_t>(BN_num_bytes(serial.get())));
  BN_bn2bin(serial.get(), reinterpret_cast<unsigned char*>(id.serial.data()));
  return id;
}

std::string listed(const std::vector<Identity>& ids) {
  static constexpr std::size_t kShown = 4;  // a certificate has room for hundreds
  if (ids.empty()) return "none";
  std::string text = shown(ids.front().uri());
  for (std::size_t i = 1; i < std::min(ids.size(), kShown); ++i) text += ", " + shown(ids[i].uri());
  return ids.size() > kShown ? text + ", ..." : text;
}

// The mesh's rule; empty when `ids` satisfy it.
std::string refusal(const PeerCheck& check, const std::vector<Identity>& ids) {
  if (check.trust_domain) {
    const auto same = [&](const Identity& id) { return id.trust_domain == *check.trust_domain; };
    if (std::any_of(ids.begin(), ids.end(), same)) return {};
    return "peer identities (" + listed(ids) + ") are not of trust domain " +
           check.trust_domain->str();
  }
  const auto wanted = [&](const Identity& id) {
    return std::find(check.expected.begin(), check.expected.end(), id) != check.expected.end();
  };
  if (std::any_of(ids.begin(), ids.end(), wanted)) return {};
  return "peer identities (" + listed(ids) + ") are not among those expected (" +
         listed(check.expected) + ")";
}

int refuse_path(X509_STORE_CTX* store, PeerCheck& check) {
  const int error = X509_STORE_CTX_get_error(store);
  check.failure =
      "peer certificate not accepted: " + std::string(X509_verify_cert_error_string(error));
  if (X509* at = X509_STORE_CTX_get_current_cert(store)) {
    const auto uris = uri_sans(at);
    if (!uris.empty()) check.failure += " (" + shown(uris.front()) + ")";
  }
  return 0;
}

// Finds the root that issued `subject`. OpenSSL's own search takes the first one of the right name
// and fails if that is not the one: during a root rotation both roots have the same name, and not
// every authority puts key identifiers into its certificates.
int find_issuer(X509** issuer, X509_STORE_CTX* store, X509* subject) {
  STACK_OF(X509)* named = X509_STORE_CTX_get1_certs(store, X509_get_issuer_name(subject));
  X509* best = nullptr;
  int best_rank = -1;
  const int count = sk_X509_num(named);  // -1 for none
  for (int i = 0; i < count; ++i) {
    X509* candidate = sk_X509_value(named, i);
    if (X509_check_issued(candidate, subject) != X509_V_OK) continue;
    int rank = 0;
    if (count > 1 && X509_verify(subject, X509_get0_pubkey(candidate)) == 1) rank += 2;
    if (count > 1 && X509_cmp_timeframe(nullptr, X509_get0_notBefore(candidate),
                                        X509_get0_notAfter(candidate)) == 0)
      rank += 1;
    if (rank > best_rank) {
      best_rank = rank;
      best = candidate;
    }
  }
  if (best != nullptr) X509_up_ref(best);
  sk_X509_pop_free(named, X509_free);
  ERR_clear_error();  // what signatures of the wrong root left
  if (best == nullptr) return 0;
  *issuer = best;
  return 1;
}

int verify(X509_STORE_CTX* store, void*) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* check = static_cast<PeerCheck*>(SSL_get_ex_data(ssl, check_index()));
  if (check == nullptr) return 0;
  if (X509_verify_cert(store) != 1) return refuse_path(store, *check);
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(store);
  const auto ids = spiffe_ids(sk_X509_value(path, 0));
  check->failure = refusal(*check, ids);
  if (!check->failure.empty()) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  if (!ids.empty()) check->identity = ids.front();
  for (int i = 0; i < sk_X509_num(path); ++i)
    check->chain.push_back(certificate_id(sk_X509_value(path, i)));
  return 1;
}

}  // namespace

void install_peer_check(ssl_ctx_st* context) {
  SSL_CTX_set_cert_verify_callback(context, verify, nullptr);
  X509_STORE_set_get_issuer(SSL_CTX_get_cert_store(context), find_issuer);
}

bool attach_peer_check(ssl_st* ssl, PeerCheck* check) {
  return SSL_set_ex_data(ssl, check_index(), check) == 1;
}

}  // namespace culvert::tls
