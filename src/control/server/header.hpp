// What gRPC accepts as metadata; it aborts on anything else, so everything is checked before.
#pragma once

#include <algorithm>
#include <string_view>

namespace culvert::control {

// Printable ASCII (RFC 9110 section 5.5 without obs-text, which gRPC refuses).
inline bool header_value_ok(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// Lower-case name that is neither gRPC's own nor a binary header.
inline bool header_name_ok(std::string_view name) {
  return !name.empty() && !name.starts_with("grpc-") && !name.ends_with("-bin") &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace culvert::control
