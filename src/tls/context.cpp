#include "culvert/tls/context.hpp"

#include "tls/openssl.hpp"
#include "tls/peer_check.hpp"
#include "tls/traffic_secrets.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace culvert::tls {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;

// AES-256 first; never ChaCha20.
constexpr const char* kSuites13 = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
// The first list that the library has: ML-KEM since 3.5, no X25519 under FIPS.
constexpr const char* kGroups[] = {"X25519:P-256:P-384:X25519MLKEM768", "X25519:P-256:P-384",
                                   "P-256:P-384"};
constexpr const char* kPqcGroup = "X25519MLKEM768";
constexpr const char* kSignatures =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:"
    "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";
// The longest chain that is read, bytes. Nobody has been verified yet when it arrives: a chain of
// the mesh takes 2 to 10 KB, OpenSSL would take 100.
constexpr long kMaxChain = 32 << 10;
constexpr unsigned char kAlpn[] = {2, 'h', '2'};

bool set_groups(SSL_CTX* context, const TlsOptions& options) {
  if (options.pqc_only) return SSL_CTX_set1_groups_list(context, kPqcGroup) == 1;
  const auto accepted = [&](const char* list) {
    return SSL_CTX_set1_groups_list(context, list) == 1;
  };
  const bool done = std::any_of(std::begin(kGroups), std::end(kGroups), accepted);
  ERR_clear_error();  // what the lists before left
  return done;
}

bool set_protocol(SSL_CTX* context, const TlsOptions& options) {
  const int lowest = options.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  return SSL_CTX_set_min_proto_version(context, lowest) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(context, kSuites13) == 1 &&
         SSL_CTX_set_cipher_list(context, kSuites12) == 1 &&
         SSL_CTX_set1_sigalgs_list(context, kSignatures) == 1 && set_groups(context, options);
}

// No resumption: it would skip verification, and a ticket would be a record of OpenSSL's own under
// the keys that the own record layer takes over.
void set_behaviour(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_max_cert_list(context, kMaxChain);
  SSL_CTX_set_quiet_shutdown(context, 1);
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
}

bool set_own_chain(SSL_CTX* context, const Certificate& certificate) {
  const auto chain = certificate.chain();
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, certificate.key().native()) != 1)
    return false;
  return std::all_of(chain.begin() + 1, chain.end(), [&](const auto& intermediate) {
    return SSL_CTX_add1_chain_cert(context, intermediate.get()) == 1;
  });
}

// Every root is an anchor, self-signed or not. A duplicate in the bundle is not an error.
bool set_roots(SSL_CTX* context, const Certificate& certificate, bool server) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  for (const auto& root : certificate.roots()) {
    if (X509_STORE_add_cert(store, root.get()) != 1) return false;
    if (server && SSL_CTX_add_client_CA(context, root.get()) != 1) return false;
  }
  return true;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length,
                const unsigned char* offered, unsigned offered_length, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_length, kAlpn, sizeof(kAlpn), offered, offered_length);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Error setup_error(const TlsOptions& options) {
  if (options.pqc_only) {
    auto supported = check_supported(options);
    if (!supported) return supported.error();
  }
  return crypto_error("setting up TLS");
}

// Everything that both directions share; null when OpenSSL refuses something.
ContextPtr make_context(const Certificate& certificate, const TlsOptions& options, bool server) {
  ERR_clear_error();
  ContextPtr context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!context || !set_protocol(context.get(), options)) return nullptr;
  set_behaviour(context.get());
  if (!set_own_chain(context.get(), certificate) || !set_roots(context.get(), certificate, server))
    return nullptr;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  install_peer_check(context.get());
  if (!options.openssl_records) install_secret_capture(context.get());
  return context;
}

}  // namespace

void ContextFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<void> check_supported(const TlsOptions& options) {
  ERR_clear_error();
  const ContextPtr context(SSL_CTX_new(TLS_method()));
  if (!context) return crypto_error("setting up TLS");
  if (!set_groups(context.get(), options)) {
    ERR_clear_error();
    return fail(Errc::unsupported, std::string(OpenSSL_version(OPENSSL_VERSION)) +
                                       " has not the key exchange that the policy asks for: " +
                                       (options.pqc_only ? kPqcGroup : kGroups[2]));
  }
  return {};
}

ServerContext::ServerContext(std::shared_ptr<const Certificate> certificate,
                             const TlsOptions& options)
    : certificate_(std::move(certificate)),
      options_(options),
      context_(make_context(*certificate_, options, true)) {
  if (context_) SSL_CTX_set_alpn_select_cb(context_.get(), select_alpn, nullptr);
}

Result<std::unique_ptr<ServerContext>> ServerContext::create(
    std::shared_ptr<const Certificate> certificate, const TlsOptions& options) {
  std::unique_ptr<ServerContext> made(new ServerContext(std::move(certificate), options));
  if (!made->context_) return setup_error(options);
  return made;
}

ClientContext::ClientContext(std::shared_ptr<const Certificate> certificate,
                             const TlsOptions& options)
    : certificate_(std::move(certificate)),
      options_(options),
      context_(make_context(*certificate_, options, false)) {
  // Returns 0 for success, unlike its neighbours.
  if (context_ && SSL_CTX_set_alpn_protos(context_.get(), kAlpn, sizeof(kAlpn)) != 0)
    context_.reset();
}

Result<std::unique_ptr<ClientContext>> ClientContext::create(
    std::shared_ptr<const Certificate> certificate, const TlsOptions& options) {
  std::unique_ptr<ClientContext> made(new ClientContext(std::move(certificate), options));
  if (!made->context_) return setup_error(options);
  return made;
}

}  // namespace culvert::tls
