// IP addresses as small values. Always canonical: an IPv4-mapped IPv6 address is IPv4, so that
// lookup, policy and logs see one form.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace culvert {

// One IPv4 or IPv6 address, in network byte order. The default is 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;

  // From 4 or 16 raw bytes; any other length is Errc::invalid.
  static Result<IpAddress> from_bytes(Bytes raw);
  // From text without brackets or zone; Errc::invalid otherwise.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  static IpAddress v4_loopback() { return v4(127, 0, 0, 1); }
  static IpAddress v6_loopback();
  static IpAddress v6_any();

  bool is_v4() const { return v4_; }
  bool is_v6() const { return !v4_; }
  bool is_loopback() const;
  bool is_unspecified() const;
  // 4 or 16 bytes; lives as long as this object.
  Bytes bytes() const { return Bytes(raw_).first(v4_ ? 4 : 16); }
  // Number of bits: 32 or 128.
  unsigned bits() const { return v4_ ? 32 : 128; }
  std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool v4_ = true;
  std::array<std::uint8_t, 16> raw_{};
};

// An address and a TCP or UDP port in host byte order.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  // From "1.2.3.4:80" or "[::1]:80".
  static Result<SocketAddress> parse(std::string_view text);
  // From what the kernel gave; Errc::invalid for other families.
  static Result<SocketAddress> from_native(const sockaddr* native, socklen_t length);
  // For the kernel, in `family` (AF_INET, or AF_INET6 where IPv4 becomes mapped); returns the
  // length to pass. `family` 0 means the address's own.
  socklen_t to_native(sockaddr_storage& out, int family = 0) const;
  // "1.2.3.4:80" or "[::1]:80".
  std::string to_string() const;

  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

// A CIDR block: the first `length` bits of `base`. Bits behind the prefix are kept as zero.
class IpPrefix {
 public:
  IpPrefix() = default;
  // `length` above ip.bits() is Errc::invalid.
  static Result<IpPrefix> make(const IpAddress& ip, unsigned length);
  // From "10.0.0.0/8"; a bare address means its full length.
  static Result<IpPrefix> parse(std::string_view text);

  // False for the other family, always.
  bool contains(const IpAddress& ip) const;
  const IpAddress& base() const { return base_; }
  unsigned length() const { return length_; }
  std::string to_string() const;

  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;

 private:
  IpAddress base_;
  unsigned length_ = 32;
};

}  // namespace culvert

template <>
struct std::hash<culvert::IpAddress> {
  std::size_t operator()(const culvert::IpAddress& ip) const noexcept {
    const auto raw = ip.bytes();
    return std::hash<std::string_view>{}(culvert::as_text(raw));
  }
};

template <>
struct std::hash<culvert::SocketAddress> {
  std::size_t operator()(const culvert::SocketAddress& a) const noexcept {
    return std::hash<culvert::IpAddress>{}(a.ip) * 31 + a.port;
  }
};
