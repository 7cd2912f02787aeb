#include "app/options/settings.hpp"
#include "app/options/values.hpp"

#include <limits>

namespace culvert::app {

namespace {

using std::chrono::nanoseconds;

// What TCP_KEEPIDLE and TCP_KEEPINTVL take (tcp(7), include/net/tcp.h: MAX_TCP_KEEPIDLE).
constexpr auto kLongestKeepalive = std::chrono::seconds(32767);

Result<nanoseconds> read_keepalive(std::string_view text) {
  auto value = parse_duration(text);
  if (value && (*value < std::chrono::seconds(1) || *value > kLongestKeepalive))
    return fail(Errc::invalid, "must be a duration from 1s to 32767s");
  return value;
}

Result<AeadChoice> read_aead(std::string_view text) {
  if (text == "auto") return AeadChoice::automatic;
  if (text == "ipsec-mb") return AeadChoice::ipsec_mb;
  if (text == "evp") return AeadChoice::evp;
  return fail(Errc::invalid, "must be auto, ipsec-mb or evp");
}

Result<RecordsChoice> read_records(std::string_view text) {
  if (text == "own") return RecordsChoice::own;
  if (text == "openssl") return RecordsChoice::openssl;
  return fail(Errc::invalid, "must be own or openssl");
}

// A policy that we do not know must not be taken for none.
Result<bool> read_compliance(std::string_view text) {
  if (text == "pqc") return true;
  if (text.empty()) return false;
  return fail(Errc::unsupported, "must be pqc or unset");
}

template <bool Options::* member>
Result<void> set_bool(Draft& draft, std::string_view value, std::string_view) {
  return assign(draft.options.*member, read_bool(value));
}

const Setting kSettings[] = {
    {{"INPOD_UDS", "path", "/var/run/ztunnel/ztunnel.sock", "the node agent's socket"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.options.inpod_uds = v;
       return {};
     }},
    {{"INPOD_PORT_REUSE", "bool", "true", "share listening ports with a successor"},
     set_bool<&Options::inpod_port_reuse>},
    {{"PACKET_MARK", "number", "1337 in shared mode", "mark of the proxy's own packets"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.packet_mark,
                     read_number(v, 0, std::numeric_limits<std::uint32_t>::max()));
     }},
    {{"ENABLE_ORIG_SRC", "bool", "where permitted",
      "dial applications from the client's own address"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.original_source, read_bool(v));
     }},
    // Windows: RFC 9113 section 6.9.1; the connection's cannot start below 65,535.
    {{"HTTP2_STREAM_WINDOW_SIZE", "bytes", "4194304", "receive window of a stream"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.stream_window, read_number(v, 16384, 2147483647));
     }},
    {{"HTTP2_CONNECTION_WINDOW_SIZE", "bytes", "16777216", "receive window of a tunnel"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.connection_window, read_number(v, 65535, 2147483647));
     }},
    // RFC 9113 section 6.5.2.
    {{"HTTP2_FRAME_SIZE", "bytes", "1048576", "largest frame to accept"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.frame_size, read_number(v, 16384, 16777215));
     }},
    {{"POOL_MAX_STREAMS_PER_CONNECTION", "number", "100", "connections in one tunnel"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.pool_max_streams, read_number(v, 1, 65535));
     }},
    {{"POOL_UNUSED_RELEASE_TIMEOUT", "duration", "5m", "idle tunnels are closed after this"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.pool_unused_timeout, parse_duration(v));
     }},
    {{"KEEPALIVE_ENABLED", "bool", "true", "TCP keepalive"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.sockets.keepalive, read_bool(v));
     }},
    {{"KEEPALIVE_TIME", "duration", "180s", "idle time before the first probe"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.sockets.keepalive_time, read_keepalive(v));
     }},
    {{"KEEPALIVE_INTERVAL", "duration", "180s", "time between probes"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.sockets.keepalive_interval, read_keepalive(v));
     }},
    // include/net/tcp.h: MAX_TCP_KEEPCNT.
    {{"KEEPALIVE_RETRIES", "number", "9", "unanswered probes that end a connection"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.sockets.keepalive_retries, read_number(v, 1, 127));
     }},
    {{"USER_TIMEOUT_ENABLED", "bool", "false", "also bound unacknowledged data by that time"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.sockets.user_timeout, read_bool(v));
     }},
    {{"UNSTABLE_ENABLE_SOCKS5", "bool", "false", "SOCKS5 on 127.0.0.1:15080 (not supported)"},
     set_bool<&Options::socks5>},
    {{"LOCALHOST_APP_TUNNEL", "bool", "true", "application tunnels with PROXY dial loopback"},
     set_bool<&Options::localhost_app_tunnel>},
    {{"ENABLE_RESPONSE_BAGGAGE", "bool", "true", "tell and believe peers' baggage"},
     set_bool<&Options::response_baggage>},
    {{"IPV6_ENABLED", "bool", "true", "listen on IPv6, too"}, set_bool<&Options::ipv6>},
    {{"ISTIO_META_DNS_CAPTURE", "true or else", "true", "answer captured DNS"}, nullptr},
    {{"ISTIO_META_DNS_PROXY_ADDR", "address", "localhost:15053", "where DNS is answered in pods"},
     nullptr},
    {{"TLS12_ENABLED", "bool", "false", "also TLS 1.2"}, set_bool<&Options::tls12>},
    {{"COMPLIANCE_POLICY", "pqc", "", "only post-quantum key exchange"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.pqc_only, read_compliance(v));
     }},
    {{"CRL_PATH", "path", "", "revocation lists (not supported)"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.options.crl_path = v;
       return {};
     }},
    {{"AUTHZ_POLICY_INFO_LOGGING", "bool", "false", "log policy decisions on info level"},
     set_bool<&Options::authz_info_logging>},
    {{"CULVERT_AEAD", "auto|ipsec-mb|evp", "auto", "which code seals TLS records"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.aead, read_aead(v));
     }},
    {{"CULVERT_RECORDS", "own|openssl", "own", "whose TLS record layer"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.records, read_records(v));
     }},
};

}  // namespace

std::span<const Setting> data_settings() { return kSettings; }

}  // namespace culvert::app
