#include "tls/certificate_text.hpp"

#include "tls/openssl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

namespace culvert::tls {
namespace {

std::string decimal(const ASN1_INTEGER* number) {
  const BignumPtr big(ASN1_INTEGER_to_BN(number, nullptr));
  char* text = big ? BN_bn2dec(big.get()) : nullptr;
  if (text == nullptr) return {};
  std::string copy(text);
  OPENSSL_free(text);
  return copy;
}

std::string rfc3339(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), length);
}

}  // namespace

std::optional<WallTime> wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const WallTime::duration last = WallTime::max().time_since_epoch();
  const auto seconds = std::clamp<std::time_t>(
      ::timegm(&parts), 0, std::chrono::duration_cast<std::chrono::seconds>(last).count());
  return WallClock::from_time_t(seconds);
}

CertificateText certificate_text(X509* certificate) {
  CertificateText text;
  text.serial = decimal(X509_get0_serialNumber(certificate));
  text.not_before = rfc3339(X509_get0_notBefore(certificate));
  text.not_after = rfc3339(X509_get0_notAfter(certificate));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio && PEM_write_bio_X509(bio.get(), certificate) == 1) text.pem = bio_text(bio.get());
  ERR_clear_error();
  return text;
}

}  // namespace culvert::tls
