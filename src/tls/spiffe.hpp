// The SPIFFE ids in a certificate.
#pragma once

#include "culvert/base/identity.hpp"

#include <string>
#include <string_view>
#include <vector>

struct x509_st;

namespace culvert::tls {

// All URI subject alternative names, in their order (RFC 5280 section 4.2.1.6).
std::vector<std::string> uri_sans(const x509_st* certificate);

// A name from a certificate as a message may carry it: at most 256 bytes, with "..." behind what
// was cut. Whoever connects can send us 30 KB of name, and make us log it.
std::string shown(std::string_view uri);

// Those of them that are identities of the mesh's form, in their order.
std::vector<Identity> spiffe_ids(const x509_st* certificate);

}  // namespace culvert::tls
