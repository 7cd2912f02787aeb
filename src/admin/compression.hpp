// Response compression: a metrics page shrinks to a twentieth.
#pragma once

#include "admin/http.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace culvert::admin {

// The coding to answer with: "zstd", "br", "gzip", "deflate", or empty for none. The one that the
// client weighs most, and of those that weigh the same the one that is named first here; weight 0
// refuses a coding, "*" stands for all that are not named (RFC 9110 section 12.5.3).
std::string_view choose_encoding(std::string_view accept_encoding);

// `text` as a gzip file; nothing when it is too large for one.
std::optional<std::string> gzip(std::string_view text);

// Compresses the body of `reply` as the client accepts it, where that is worth it. A reply that
// cannot be compressed stays as it is.
void compress(HttpReply& reply, std::string_view accept_encoding);

}  // namespace culvert::admin
