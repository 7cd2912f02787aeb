#include "admin/caller.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace culvert::admin {

namespace {

// As the kernel prints it: words of 32 bits in the machine's own order.
std::string words(Bytes address) {
  std::string text;
  for (std::size_t at = 0; at < address.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, address.data() + at, sizeof word);
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08X", word);
    text += hex;
  }
  return text;
}

std::string in_table(const SocketAddress& address) {
  char port[6];
  std::snprintf(port, sizeof port, ":%04X", address.port);
  return words(address.ip.bytes()) + port;
}

// An IPv4 address in the table of IPv6: RFC 4291 section 2.5.5.2.
std::string mapped_in_table(const SocketAddress& address) {
  constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return words(kPrefix) + in_table(address);
}

// The word behind `skip` others.
std::string_view word_at(std::string_view line, int skip) {
  for (;; --skip) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto word = line.substr(0, line.find(' '));
    if (skip == 0) return word;
    line.remove_prefix(word.size());
  }
}

std::optional<std::uint32_t> find(std::string_view table, const std::string& pair) {
  const auto at = table.find(" " + pair + " ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto rest = table.substr(at, table.find('\n', at) - at);
  // Behind the two addresses: state, queues, timer, time-outs; and behind the user, time-outs and
  // the inode. A socket without one has been closed by whoever owned it, and the kernel says user
  // 0.
  const auto word = word_at(rest, 6);
  if (const auto inode = word_at(rest, 8); inode.empty() || inode == "0") return std::nullopt;
  std::uint32_t user = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), user);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return user;
}

std::string read_table(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return std::move(text).str();
}

}  // namespace

std::optional<std::uint32_t> find_user(std::string_view table, const SocketAddress& client,
                                       const SocketAddress& server) {
  if (auto user = find(table, in_table(client) + " " + in_table(server))) return user;
  if (!client.ip.is_v4() || !server.ip.is_v4()) return std::nullopt;
  return find(table, mapped_in_table(client) + " " + mapped_in_table(server));
}

std::optional<std::uint32_t> user_of(const SocketAddress& client, const SocketAddress& server) {
  for (const auto* const path : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
    if (const auto user = find_user(read_table(path), client, server)) return user;
  }
  return std::nullopt;
}

}  // namespace culvert::admin
