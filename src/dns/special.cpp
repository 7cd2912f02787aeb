#include "dns/special.hpp"

#include <algorithm>
#include <string_view>

namespace culvert::dns {

namespace {

// True for `zone` itself and what is below it.
bool within(std::string_view name, std::string_view zone) {
  if (!name.ends_with(zone)) return false;
  name.remove_suffix(zone.size());
  return name.empty() || name.ends_with('.');
}

constexpr std::string_view kReverse4 = "127.in-addr.arpa";
// The reverse name of ::1.
constexpr std::string_view kReverse6 =
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";

}  // namespace

std::optional<Records> loopback_records(const Query& query) {
  Records records;
  if (within(query.name, "localhost")) {
    if (query.type == kTypeA) records.addresses.push_back(IpAddress::v4_loopback());
    if (query.type == kTypeAaaa) records.addresses.push_back(IpAddress::v6_loopback());
    return records;
  }
  const bool whole4 = std::count(query.name.begin(), query.name.end(), '.') == 5;
  if (!within(query.name, kReverse4) && query.name != kReverse6) return std::nullopt;
  if (query.type == kTypePtr && (whole4 || query.name == kReverse6)) records.pointer = "localhost";
  return records;
}

bool never_exists(const Query& query) {
  return within(query.name, "invalid") || within(query.name, "onion");
}

}  // namespace culvert::dns
