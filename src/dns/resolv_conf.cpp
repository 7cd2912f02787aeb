#include "culvert/dns/exchange.hpp"
#include "culvert/state/service.hpp"

#include <algorithm>
#include <charconv>

namespace culvert::dns {

namespace {

constexpr std::size_t kMost = 16;   // servers, and search domains
constexpr unsigned kMostDots = 15;  // as libc

// Takes the first word off `line`; empty when there is none.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  const auto start = std::min(line.find_first_not_of(kBlank), line.size());
  line.remove_prefix(start);
  const auto end = std::min(line.find_first_of(kBlank), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

void add_server(Resolvers& out, std::string_view word) {
  if (out.servers.size() == kMost) return;
  if (const auto ip = IpAddress::parse(word)) {
    out.servers.push_back({*ip, 53});
  } else if (const auto with_port = SocketAddress::parse(word)) {
    out.servers.push_back(*with_port);
  }
}

// The last line of this kind counts alone.
void set_search(Resolvers& out, std::string_view rest) {
  out.search.clear();
  for (auto word = take_word(rest); !word.empty() && out.search.size() < kMost;
       word = take_word(rest)) {
    std::string domain = state::normal_hostname(word);
    if (!domain.empty()) out.search.push_back(std::move(domain));
  }
}

void set_options(Resolvers& out, std::string_view rest) {
  constexpr std::string_view kDots = "ndots:";
  for (auto word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (!word.starts_with(kDots)) continue;
    word.remove_prefix(kDots.size());
    unsigned dots = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), dots);
    if (parsed.ec == std::errc()) out.ndots = std::min(dots, kMostDots);
  }
}

}  // namespace

Resolvers Resolvers::parse(std::string_view resolv_conf) {
  Resolvers out;
  while (!resolv_conf.empty()) {
    const auto end = std::min(resolv_conf.find('\n'), resolv_conf.size());
    auto line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(std::min(end + 1, resolv_conf.size()));
    const auto key = take_word(line);
    if (key == "nameserver") add_server(out, take_word(line));
    if (key == "search" || key == "domain") set_search(out, line);
    if (key == "options") set_options(out, line);
  }
  return out;
}

// 0.0.0.0 and :: mean this host, too (ip(7), RFC 4291 section 2.5.2).
Resolvers Resolvers::beyond_loopback() const {
  Resolvers out = *this;
  std::erase_if(out.servers, [](const SocketAddress& server) {
    return server.ip.is_loopback() || server.ip.is_unspecified();
  });
  return out;
}

}  // namespace culvert::dns
