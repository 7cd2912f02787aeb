// The names of our nftables tables and how to delete one.
#pragma once

#include <string>

namespace culvert::host {

inline constexpr const char* kMangleTable = "istio-ambient-mangle";
inline constexpr const char* kNatTable = "istio-ambient-nat";
inline constexpr const char* kRawTable = "istio-ambient-raw";

// Commands that make sure table `name` does not exist.
std::string delete_table(const char* name);

}  // namespace culvert::host
