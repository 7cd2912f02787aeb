#include "host/dns_listener.hpp"

#include "culvert/host/netns.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace culvert::host {
namespace {

constexpr std::uint16_t kPort = 15053;

// The kernel writes each 32 bits of an address as one number in the machine's own byte order.
std::string word(std::array<std::uint8_t, 4> bytes) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08X", std::bit_cast<std::uint32_t>(bytes));
  return text.data();
}

bool is_dns_address(std::string_view local) {
  static const auto zero = word({0, 0, 0, 0});
  static const auto loopback = word({127, 0, 0, 1});
  static const auto any6 = zero + zero + zero + zero;
  static const auto mapped = zero + zero + word({0, 0, 255, 255}) + loopback;
  std::array<char, 6> port{};
  std::snprintf(port.data(), port.size(), ":%04X", unsigned{kPort});
  const auto is = [&](const std::string& address) { return local == address + port.data(); };
  return is(zero) || is(loopback) || is(any6) || is(mapped);
}

std::optional<std::string> read(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return text.str();
}

}  // namespace

bool lists_dns_listener(std::string_view table) {
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string local;
    if (fields >> number >> local && is_dns_address(local)) return true;
  }
  return false;
}

Result<bool> serves_dns(int netns_fd) {
  bool found = false;
  const auto looked = run_in_netns(netns_fd, [&]() -> Result<void> {
    const auto four = read("/proc/thread-self/net/udp");
    if (!four) return fail(Errc::io, "cannot read /proc/net/udp of the namespace");
    const auto six = read("/proc/thread-self/net/udp6");  // absent where the kernel has no IPv6
    found = lists_dns_listener(*four) || (six && lists_dns_listener(*six));
    return {};
  });
  if (!looked) return looked.error();
  return found;
}

}  // namespace culvert::host
