#include "app/options/defaults.hpp"
#include "app/options/values.hpp"

namespace culvert::app {

namespace {

// In the words of docs/parity.md, whose table of these is compared with this one.
constexpr Refusal kRefusals[] = {
    {"PROXY_MODE=dedicated", [](const Options& o) { return o.proxy_mode == ProxyMode::dedicated; },
     "PROXY_MODE=dedicated is not supported: leave it unset or use shared"},
    {"ENABLE_PROXY=false", [](const Options& o) { return !o.proxy; },
     "ENABLE_PROXY=false is not supported: leave it unset; nothing but the HBONE proxy could run"},
    {"XDS_ON_DEMAND=true", [](const Options& o) { return o.xds_on_demand; },
     "XDS_ON_DEMAND=true is not supported: leave it unset; the whole mesh is kept"},
    {"UNSTABLE_ENABLE_SOCKS5=true", [](const Options& o) { return o.socks5; },
     "UNSTABLE_ENABLE_SOCKS5=true is not supported: leave it unset"},
    {"CRL_PATH", [](const Options& o) { return !o.crl_path.empty(); },
     "CRL_PATH is set, but revocation lists are not supported: revoked certificates would be "
     "accepted; unset it only if that is what you want"},
    {"FAKE_CA=true", [](const Options& o) { return o.fake_ca; },
     "FAKE_CA=true is not supported: run `culvertctl control`, which has a CA of its own"},
};

Result<void> check_supported(const Options& options) {
  for (const Refusal& one : kRefusals) {
    if (one.asked(options)) return fail(Errc::unsupported, std::string(one.sentence));
  }
  return {};
}

// "localhost:<port>" or "ip:port".
bool is_dns_address(std::string_view text) {
  constexpr std::string_view kLocal = "localhost:";
  if (text.starts_with(kLocal))
    return read_number(text.substr(kLocal.size()), 1, 65535).has_value();
  return SocketAddress::parse(text).has_value();
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const auto ip = IpAddress::parse(host);
  return ip && ip->is_loopback();
}

// Policies, certificates and the token are never entrusted to a wire as they are.
Result<void> check_protected(std::string_view name, const std::string& address) {
  constexpr std::string_view kPlain = "http://";
  if (!address.starts_with(kPlain)) return {};
  const auto rest = std::string_view(address).substr(kPlain.size());
  const auto host = rest.starts_with('[') ? rest.substr(1, rest.find(']') - 1)
                                          : rest.substr(0, rest.find_first_of(":/"));
  if (is_loopback(host)) return {};
  return fail(Errc::invalid, std::string(name) + "=" + address +
                                 ": must be https://, since whoever is in between could read the "
                                 "token and forge what is answered; http:// is for loopback only");
}

}  // namespace

std::span<const Refusal> refusals() { return kRefusals; }

Result<void> validate(const Options& options) {
  if (options.proxy_mode == ProxyMode::dedicated && !options.proxy_workload)
    return fail(Errc::invalid,
                "PROXY_WORKLOAD_INFO: must be namespace/name/service-account when "
                "PROXY_MODE=dedicated");
  if (!options.local_xds.empty() && !options.local_xds_path.empty())
    return fail(Errc::invalid, "LOCAL_XDS and LOCAL_XDS_PATH are both set: only one may be");
  if (options.ca_address.empty())
    return fail(Errc::invalid, "CA_ADDRESS is empty: must be the address of a CA, host:port");
  for (const auto& [name, address] :
       {std::pair("XDS_ADDRESS (or PROXY_CONFIG's discoveryAddress)", options.xds_address),
        std::pair("CA_ADDRESS", options.ca_address)}) {
    if (const auto safe = check_protected(name, address); !safe) return safe.error();
  }
  if (options.secret_ttl < std::chrono::seconds(1))
    return fail(Errc::invalid, "SECRET_TTL: must be at least 1s");
  if (!is_dns_address(options.dns_proxy_address))
    return fail(Errc::invalid, "ISTIO_META_DNS_PROXY_ADDR=" + options.dns_proxy_address +
                                   ": must be localhost:<port> or ip:port");
  return check_supported(options);
}

}  // namespace culvert::app
