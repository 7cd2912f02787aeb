// SPIFFE identities of the mesh: spiffe://<trust domain>/ns/<namespace>/sa/<service account>.
#pragma once

#include "culvert/base/name.hpp"
#include "culvert/base/result.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace culvert {

// A workload's identity. A value; equality is exact on all three parts.
struct Identity {
  Name trust_domain;
  Name namespace_;
  Name service_account;

  // Splits a SPIFFE URI. Exactly five '/'-separated parts behind the scheme, the second "ns", the
  // fourth "sa"; nothing is percent-decoded. Errc::invalid otherwise. (SPIFFE-ID section 2, with
  // Istio's path layout.)
  static Result<Identity> parse(std::string_view uri);
  // "spiffe://td/ns/n/sa/s".
  std::string uri() const;
  // "td/ns/n/sa/s": what authorization policies compare as a principal.
  std::string principal() const;

  friend bool operator==(const Identity&, const Identity&) = default;
  friend bool operator<(const Identity& a, const Identity& b) { return a.uri() < b.uri(); }
};

}  // namespace culvert

template <>
struct std::hash<culvert::Identity> {
  std::size_t operator()(const culvert::Identity& i) const noexcept {
    return (i.trust_domain.hash() * 31 + i.namespace_.hash()) * 31 + i.service_account.hash();
  }
};
