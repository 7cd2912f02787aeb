// Query strings: application/x-www-form-urlencoded.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace culvert::admin {

// Splits "a=1&b&a=2" into keys and values, '+' and %XX decoded (a '%' that starts no escape stays);
// a key without '=' has the empty value; the last of equal keys wins.
std::map<std::string, std::string> parse_query(std::string_view query);

}  // namespace culvert::admin
