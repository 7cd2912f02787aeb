// Why an SSL_* call failed, in words.
#pragma once

#include "culvert/base/result.hpp"

struct ssl_st;

namespace culvert::tls {

// Drains the error queue after `result` of an SSL_* call. An alert of the peer is called by name.
Error ssl_failure(ssl_st* ssl, int result);

}  // namespace culvert::tls
