// What the control plane serves at this moment: mesh, callers, CA. Everything that a request is
// answered from, without gRPC.
#pragma once

#include "authority/ca.hpp"
#include "authority/callers.hpp"
#include "authority/snapshot.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::authority {

// A request of the CA protocol (istio.v1.auth), out of its message.
struct CertificateOrder {
  std::string csr;                          // PEM PKCS#10
  std::optional<std::string> impersonated;  // ImpersonatedIdentity
  std::int64_t validity_seconds = 0;        // 0 or less: as long as allowed
};

// What was issued. Chain as the protocol has it: leaf, then root.
struct IssuedChain {
  Identity identity;
  std::vector<std::string> chain;
};

// Loop thread only.
class Realm {
 public:
  Realm(CertificateAuthority ca, std::string trust_domain, std::chrono::seconds max_ttl)
      : ca_(std::move(ca)), trust_domain_(std::move(trust_domain)), max_ttl_(max_ttl) {}

  // Reads the mesh file, or the token file, and replaces what is served. On error what was served
  // stays; the text names file, line and field. False: the content is the same as before.
  Result<bool> load_mesh(const std::filesystem::path& file);
  Result<bool> load_tokens(const std::filesystem::path& file);

  // Who calls; Errc::identity when nobody.
  Result<Caller> authenticate(std::string_view authorization) const {
    return callers_.authenticate(authorization);
  }
  // Signs a request. Errors as decide_identity() and read_signing_request() have them.
  Result<IssuedChain> issue(const Caller& caller, const CertificateOrder& order,
                            WallTime now) const;

  // What xDS serves; null before the first load_mesh().
  const SnapshotPtr& snapshot() const { return snapshot_; }
  const CertificateAuthority& ca() const { return ca_; }

 private:
  // Constant after construction.
  CertificateAuthority ca_;
  std::string trust_domain_;
  std::chrono::seconds max_ttl_;
  // Replaced by the load functions.
  SnapshotPtr snapshot_;
  CallerBook callers_;
  std::string mesh_digest_;  // SHA-256 of the files
  std::string token_digest_;
};

}  // namespace culvert::authority
