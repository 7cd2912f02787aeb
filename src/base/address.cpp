#include "culvert/base/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace culvert {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || value > 65535) {
    return fail(Errc::invalid, "not a port: " + std::string(text));
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace

Result<IpAddress> IpAddress::from_bytes(Bytes raw) {
  IpAddress ip;
  if (raw.size() == 4) {
    std::copy(raw.begin(), raw.end(), ip.raw_.begin());
    return ip;
  }
  if (raw.size() != 16) {
    return fail(Errc::invalid,
                "an IP address has 4 or 16 bytes, not " + std::to_string(raw.size()));
  }
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), raw.begin())) {
    return from_bytes(raw.subspan(12));
  }
  ip.v4_ = false;
  std::copy(raw.begin(), raw.end(), ip.raw_.begin());
  return ip;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> raw{};
  if (terminated.size() == std::strlen(terminated.c_str())) {
    if (::inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1)
      return from_bytes(Bytes(raw).first(4));
    if (::inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return from_bytes(raw);
  }
  return fail(Errc::invalid, "not an IP address: " + terminated);
}

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress ip;
  ip.raw_ = {a, b, c, d};
  return ip;
}

IpAddress IpAddress::v6_loopback() {
  IpAddress ip = v6_any();
  ip.raw_[15] = 1;
  return ip;
}

IpAddress IpAddress::v6_any() {
  IpAddress ip;
  ip.v4_ = false;
  return ip;
}

bool IpAddress::is_loopback() const { return v4_ ? raw_[0] == 127 : *this == v6_loopback(); }

bool IpAddress::is_unspecified() const {
  return std::all_of(raw_.begin(), raw_.end(), [](std::uint8_t b) { return b == 0; });
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(v4_ ? AF_INET : AF_INET6, raw_.data(), text, sizeof text);
  return text;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return fail(Errc::invalid, "no port in: " + std::string(text));
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto ip = IpAddress::parse(host);
  if (!ip) return ip.error();
  if (bracketed != (host.find(':') != std::string_view::npos)) {
    return fail(Errc::invalid, "brackets belong around IPv6 only: " + std::string(text));
  }
  auto port = parse_port(text.substr(colon + 1));
  if (!port) return port.error();
  return SocketAddress{*ip, *port};
}

Result<SocketAddress> SocketAddress::from_native(const sockaddr* native, socklen_t length) {
  if (native->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(native);
    const auto raw = Bytes(reinterpret_cast<const std::uint8_t*>(&in->sin_addr), 4);
    return SocketAddress{*IpAddress::from_bytes(raw), ntohs(in->sin_port)};
  }
  if (native->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(native);
    const auto raw = Bytes(reinterpret_cast<const std::uint8_t*>(&in->sin6_addr), 16);
    return SocketAddress{*IpAddress::from_bytes(raw), ntohs(in->sin6_port)};
  }
  return fail(Errc::invalid, "address family " + std::to_string(native->sa_family) + " is not IP");
}

socklen_t SocketAddress::to_native(sockaddr_storage& out, int family) const {
  std::memset(&out, 0, sizeof out);
  const auto raw = ip.bytes();
  if (family == 0) family = ip.is_v4() ? AF_INET : AF_INET6;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, raw.data(), 4);
    return sizeof *in;
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(&out);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  auto* to = reinterpret_cast<std::uint8_t*>(&in->sin6_addr);
  if (ip.is_v4()) {
    to = std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), to);
  }
  std::copy(raw.begin(), raw.end(), to);
  return sizeof *in;
}

std::string SocketAddress::to_string() const {
  const auto text = ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
  return text + ":" + std::to_string(port);
}

Result<IpPrefix> IpPrefix::make(const IpAddress& ip, unsigned length) {
  if (length > ip.bits()) {
    return fail(Errc::invalid,
                "prefix length " + std::to_string(length) + " is too long for " + ip.to_string());
  }
  std::array<std::uint8_t, 16> raw{};
  const auto bytes = ip.bytes();
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  for (unsigned bit = length; bit < ip.bits(); ++bit) {
    raw[bit / 8] = static_cast<std::uint8_t>(raw[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  IpPrefix prefix;
  // Clearing bits can make a v4-mapped pattern only out of one, so the family stays.
  prefix.base_ = *IpAddress::from_bytes(Bytes(raw).first(bytes.size()));
  prefix.length_ = length;
  return prefix;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return ip.error();
  if (slash == std::string_view::npos) return make(*ip, ip->bits());
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (ec != std::errc() || end != digits.data() + digits.size()) {
    return fail(Errc::invalid, "not a prefix length: " + std::string(text));
  }
  return make(*ip, length);
}

bool IpPrefix::contains(const IpAddress& ip) const {
  if (ip.is_v4() != base_.is_v4()) return false;
  const auto cut = make(ip, length_);
  return cut && cut->base_ == base_;
}

std::string IpPrefix::to_string() const {
  return base_.to_string() + "/" + std::to_string(length_);
}

}  // namespace culvert
