// The SPIFFE ids in a certificate.
#pragma once

#include "culvert/base/identity.hpp"

#include <string>
#include <vector>

struct x509_st;

namespace culvert::tls {

// All URI subject alternative names, in their order (RFC 5280 section 4.2.1.6).
std::vector<std::string> uri_sans(const x509_st* certificate);

// Those of them that are identities of the mesh's form, in their order.
std::vector<Identity> spiffe_ids(const x509_st* certificate);

}  // namespace culvert::tls
