#include "control/server/endpoint.hpp"

#include "culvert/base/address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace culvert::control {
namespace {

Error bad(std::string_view address, std::string_view why) {
  return fail(Errc::invalid, "server address \"" + std::string(address) +
                                 "\": " + std::string(why) +
                                 ", as in https://istiod.istio-system.svc:15012");
}

// Letters, digits and what joins them: a wrong character would otherwise be a name that never
// resolves.
bool is_host_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_names(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool name_covers(std::string_view pattern, std::string_view host) {
  pattern = without_dot(pattern);
  if (pattern.empty() || host.empty()) return false;
  if (!pattern.starts_with("*.")) return equal_names(pattern, host);
  const auto domain = pattern.substr(2);
  const auto dot = host.find('.');
  if (dot == 0 || dot == std::string_view::npos) return false;
  return domain.find('.') != std::string_view::npos && domain.find('*') == std::string_view::npos &&
         equal_names(domain, host.substr(dot + 1));
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view address) {
  Endpoint out;
  auto rest = address;
  if (take_prefix(rest, "http://"))
    out.tls = false;
  else
    take_prefix(rest, "https://");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ \t") != std::string_view::npos)
    return bad(address, "only scheme, host and port are allowed");

  std::string_view port;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return bad(address, "a bracket is not closed");
    out.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
    const auto ip = IpAddress::parse(out.host);
    if (!ip || out.host.find(':') == std::string::npos)
      return bad(address, "what is in brackets is no IPv6 address");
  } else {
    const auto colon = std::min(rest.find(':'), rest.size());
    out.host = rest.substr(0, colon);
    port = rest.substr(colon);
    if (!is_host_name(out.host)) return bad(address, "the host is no host name");
  }
  if (out.host.empty()) return bad(address, "the host is missing");
  out.port = out.tls ? 443 : 80;
  if (port.empty()) return out;
  const auto number = port.front() == ':' ? parse_port(port.substr(1)) : std::nullopt;
  if (!number) return bad(address, "the port must be a number from 1 to 65535");
  out.port = *number;
  return out;
}

std::string Endpoint::target() const {
  const auto suffix = ":" + std::to_string(port);
  const auto ip = IpAddress::parse(host);
  if (!ip) return "dns:///" + host + suffix;
  return ip->is_v4() ? "ipv4:" + ip->to_string() + suffix
                     : "ipv6:[" + ip->to_string() + "]" + suffix;
}

bool certificate_covers(const PeerNames& names, std::string_view host) {
  if (const auto ip = IpAddress::parse(host)) {
    return std::any_of(names.ip.begin(), names.ip.end(), [&](const std::string& text) {
      const auto san = IpAddress::parse(text);
      return san && *san == *ip;
    });
  }
  host = without_dot(host);
  return std::any_of(names.dns.begin(), names.dns.end(),
                     [&](const std::string& pattern) { return name_covers(pattern, host); });
}

}  // namespace culvert::control
