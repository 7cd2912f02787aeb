// Dates and texts of X.509 certificates.
#pragma once

#include "culvert/base/time.hpp"
#include "culvert/tls/certificate.hpp"

#include <openssl/x509.h>

#include <optional>

namespace culvert::tls {

// An ASN.1 time as calendar time; nullopt when it is malformed. Dates before 1970 or beyond the
// clock (2262) become these ends, so that the difference of two never overflows.
std::optional<WallTime> wall_time(const ASN1_TIME* time);

// What a configuration dump shows of `certificate`; fields that cannot be read are empty.
CertificateText certificate_text(X509* certificate);

}  // namespace culvert::tls
