#include "admin/url.hpp"

#include <algorithm>
#include <charconv>

namespace culvert::admin {

namespace {

std::string decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() == '%' && text.size() >= 3) {
      unsigned value = 0;
      const auto* end = text.data() + 3;
      if (std::from_chars(text.data() + 1, end, value, 16).ptr == end) {
        out += static_cast<char>(value);
        text.remove_prefix(3);
        continue;
      }
    }
    out += text.front() == '+' ? ' ' : text.front();
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::map<std::string, std::string> parse_query(std::string_view query) {
  std::map<std::string, std::string> out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    out[decode(pair.substr(0, equals))] =
        equals < pair.size() ? decode(pair.substr(equals + 1)) : std::string();
  }
  return out;
}

}  // namespace culvert::admin
