#include "tls/ssl_failure.hpp"

#include "culvert/tls/channel.hpp"
#include "tls/openssl.hpp"

#include <openssl/err.h>
#include <openssl/sslerr.h>

namespace culvert::tls {

Error ssl_failure(ssl_st* ssl, int result) {
  const auto code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
      reason < SSL_AD_REASON_OFFSET + 256) {
    ERR_clear_error();
    return fail(Errc::tls, "peer sent alert " + std::string(alert_name(static_cast<std::uint8_t>(
                                                    reason - SSL_AD_REASON_OFFSET))));
  }
  if (code == 0)
    return fail(Errc::tls, "TLS failed with code " + std::to_string(SSL_get_error(ssl, result)));
  return fail(Errc::tls, drain_errors());
}

}  // namespace culvert::tls
