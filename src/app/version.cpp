#include "app/version.hpp"

#include <openssl/crypto.h>

#include "culvert/tls/aead.hpp"

#ifndef CULVERT_VERSION
#define CULVERT_VERSION "unknown"
#endif
#ifndef CULVERT_GIT_REVISION
#define CULVERT_GIT_REVISION "unknown"
#endif
#ifndef CULVERT_BUILD_STATUS
#define CULVERT_BUILD_STATUS "unknown"
#endif
#ifndef CULVERT_BUILD_TYPE
#define CULVERT_BUILD_TYPE "unknown"
#endif

namespace culvert::app {

admin::BuildInfo build_info(const std::string& istio_version) {
  admin::BuildInfo build;
  build.version = CULVERT_VERSION;
  build.git_revision = CULVERT_GIT_REVISION;
  build.build_profile = CULVERT_BUILD_TYPE;
  build.build_status = CULVERT_BUILD_STATUS;
  build.compiler = __VERSION__;
  build.istio_version = istio_version;
  build.crypto_provider =
      std::string(::OpenSSL_version(OPENSSL_VERSION)) + ", " + std::string(tls::aead_name());
  return build;
}

std::string version_line(const admin::BuildInfo& build) {
  return "version.BuildInfo{Version:\"" + build.version + "\", GitRevision:\"" +
         build.git_revision + "\", RustVersion:\"" + build.compiler + "\", BuildProfile:\"" +
         build.build_profile + "\", BuildStatus:\"" + build.build_status + "\", IstioVersion:\"" +
         build.istio_version + "\", CryptoProvider:\"" + build.crypto_provider + "\"}";
}

}  // namespace culvert::app
