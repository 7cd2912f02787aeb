// Base64 with padding (RFC 4648 section 4), for certificates in the config dump.
#pragma once

#include <string>
#include <string_view>

namespace culvert::admin {

std::string base64(std::string_view bytes);

}  // namespace culvert::admin
