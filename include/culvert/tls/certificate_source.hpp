// Where certificates come from. Declared here, below both the proxy that needs certificates and the
// certificate manager that obtains them, so that neither knows the other.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/tls/certificate.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace culvert::tls {

// How urgent a certificate is; later ones go first.
enum class Priority : std::uint8_t { background, warmup, realtime };

// Gives certificates by identity. All members may be called from any thread.
class CertificateSource {
 public:
  using Done = std::function<void(Result<std::shared_ptr<const Certificate>>)>;

  virtual ~CertificateSource() = default;
  // The current certificate if there is a valid one, else null. Never waits.
  virtual std::shared_ptr<const Certificate> cached(const Identity& identity) = 0;
  // Obtains a certificate and calls `done` exactly once, on an unspecified thread and possibly
  // before fetch() returns: the caller posts to where it belongs. Errc::identity says why there is
  // none.
  virtual void fetch(const Identity& identity, Priority priority, Done done) = 0;
};

}  // namespace culvert::tls
