// Response compression: a metrics page shrinks to a twentieth.
#pragma once

#include "admin/http.hpp"

#include <string>
#include <string_view>

namespace culvert::admin {

// The coding to answer with: "gzip", "deflate", or empty for none. Codings with weight 0 are
// refused; gzip is preferred (RFC 9110 section 12.5.3).
std::string_view choose_encoding(std::string_view accept_encoding);

// Compresses the body of `reply` as the client accepts it, where that is worth it. A reply that
// cannot be compressed stays as it is.
void compress(HttpReply& reply, std::string_view accept_encoding);

}  // namespace culvert::admin
