#include "culvert/tls/aead.hpp"

#include "tls/aead_backend.hpp"

#include <openssl/evp.h>
#include <openssl/provider.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>

namespace culvert::tls {
namespace {

// Set by select_aead(); -1 before. The choice is a property of the process.
std::atomic<int> selected{-1};

// Under FIPS every cryptographic operation must stay inside the validated provider.
bool fips_active() {
  return EVP_default_properties_is_fips_enabled(nullptr) == 1 ||
         OSSL_PROVIDER_available(nullptr, "fips") == 1;
}

AeadBackend automatic(bool fips) {
  return !fips && ipsec_mb_available() ? AeadBackend::ipsec_mb : AeadBackend::evp;
}

AeadBackend in_use() {
  const int value = selected.load(std::memory_order_relaxed);
  if (value >= 0) return static_cast<AeadBackend>(value);
  const AeadBackend chosen = automatic(fips_active());
  selected.store(static_cast<int>(chosen), std::memory_order_relaxed);
  return chosen;
}

}  // namespace

Result<AeadBackend> choose_aead(std::string_view value, bool fips) {
  if (value == "auto") return automatic(fips);
  if (value == "evp") return AeadBackend::evp;
  if (value != "ipsec-mb")
    return fail(Errc::invalid,
                "CULVERT_AEAD must be auto, ipsec-mb or evp, not " + std::string(value));
  if (fips)
    return fail(Errc::unsupported,
                "CULVERT_AEAD=ipsec-mb: OpenSSL's FIPS provider is active, and that library is not "
                "validated; unset CULVERT_AEAD");
  if (!ipsec_mb_available())
    return fail(Errc::unsupported,
                "CULVERT_AEAD=ipsec-mb: not in this build, or the processor lacks AES-NI");
  return AeadBackend::ipsec_mb;
}

Result<AeadBackend> select_aead() {
  const char* text = std::getenv("CULVERT_AEAD");
  auto chosen = choose_aead(text != nullptr ? text : "auto", fips_active());
  if (chosen) selected.store(static_cast<int>(*chosen), std::memory_order_relaxed);
  return chosen;
}

std::string_view aead_name() {
  if (in_use() == AeadBackend::evp) {
    static const std::string evp = evp_aead_name();
    return evp;
  }
  static const std::string ipsec_mb = ipsec_mb_aead_name();
  return ipsec_mb;
}

bool aead_available(AeadBackend backend) {
  return backend == AeadBackend::evp || ipsec_mb_available();
}

Result<std::unique_ptr<Aead>> make_aead(Bytes key) { return make_aead(in_use(), key); }

Result<std::unique_ptr<Aead>> make_aead(AeadBackend backend, Bytes key) {
  if (key.size() != 16 && key.size() != 32) return fail(Errc::tls, "AES-GCM key of a wrong size");
  if (!aead_available(backend)) return fail(Errc::unsupported, "AEAD back end is not available");
  auto made = backend == AeadBackend::evp ? make_evp_aead(key) : make_ipsec_mb_aead(key);
  if (!made) return fail(Errc::tls, "AES-GCM could not be set up");
  return made;
}

}  // namespace culvert::tls
