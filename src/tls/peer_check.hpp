// Verification of the other side's certificate: OpenSSL's path validation, then the mesh's own rule
// about identities.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/tls/handshake.hpp"

#include <optional>
#include <string>
#include <vector>

struct x509_store_ctx_st;
struct ssl_st;
struct ssl_ctx_st;

namespace culvert::tls {

// The rule of one handshake and what came of it.
struct PeerCheck {
  std::optional<Name> trust_domain;  // server: the client must have an id in it
  std::vector<Identity> expected;    // client: the server must have one of these ids
  std::optional<Identity> identity;  // result: first id of the peer
  std::vector<CertificateId> chain;  // result: the verified path
  std::string failure;               // result: why the peer was refused
};

// Makes handshakes of `context` verify with the PeerCheck that attach_peer_check() gave them.
void install_peer_check(ssl_ctx_st* context);
// `check` outlives `ssl`, or is detached with null. False when memory is short.
bool attach_peer_check(ssl_st* ssl, PeerCheck* check);

}  // namespace culvert::tls
