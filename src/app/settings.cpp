#include "app/settings.hpp"

#include "culvert/base/log.hpp"

#include <boost/algorithm/string/case_conv.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace culvert::app {

namespace {

const log::Target kLog("app");

std::chrono::seconds seconds(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration);
}

control::TokenSource token_of(const Options& options) {
  return control::TokenSource::from_setting(options.auth_token ? &*options.auth_token : nullptr);
}

void set_windows(h2::Settings& settings, const Options& options) {
  settings.stream_window = options.stream_window;
  settings.connection_window = options.connection_window;
  settings.max_frame_size = options.frame_size;
}

// "localhost:<port>" is both loopback addresses; parse_options() has checked the text.
proxy::DnsSettings dns_settings(const Options& options) {
  proxy::DnsSettings dns;
  if (const auto address = SocketAddress::parse(options.dns_proxy_address)) {
    dns.address = *address;
  } else {
    const auto port = options.dns_proxy_address.substr(options.dns_proxy_address.rfind(':') + 1);
    dns.port = static_cast<std::uint16_t>(std::stoul(port));
  }
  dns.resolve.cluster_domain = boost::algorithm::to_lower_copy(options.cluster_domain);
  dns.resolve.preferred_namespace = Name(options.preferred_service_namespace);
  dns.resolve.ipv6 = options.ipv6;
  return dns;
}

}  // namespace

proxy::Settings proxy_settings(const Options& options) {
  proxy::Settings settings;
  settings.inbound.localhost_app_tunnel = options.localhost_app_tunnel;
  if (options.original_source) {
    settings.original_source =
        *options.original_source ? proxy::OriginalSource::required : proxy::OriginalSource::off;
  }
  settings.own_port = options.stats_port;
  settings.ipv6 = options.ipv6;
  settings.reuse_port = options.inpod_port_reuse;
  settings.response_baggage = options.response_baggage;
  settings.policy_info_log = options.authz_info_logging;
  if (options.dns_capture) settings.dns = dns_settings(options);
  settings.network = Name(options.network);
  settings.socket.mark = options.packet_mark;
  settings.socket.keepalive.enabled = options.sockets.keepalive;
  settings.socket.keepalive.time = seconds(options.sockets.keepalive_time);
  settings.socket.keepalive.interval = seconds(options.sockets.keepalive_interval);
  settings.socket.keepalive.retries = static_cast<int>(options.sockets.keepalive_retries);
  settings.socket.keepalive.user_timeout = options.sockets.user_timeout;
  return settings;
}

hbone::TunnelSettings tunnel_settings(const Options& options) {
  hbone::TunnelSettings settings;
  set_windows(settings.client, options);
  set_windows(settings.server, options);
  settings.tls.tls12 = options.tls12;
  settings.tls.pqc_only = options.pqc_only;
  settings.tls.openssl_records = options.records == RecordsChoice::openssl;
  settings.max_streams = std::max<std::uint32_t>(options.pool_max_streams, 1);
  settings.unused_release = std::chrono::duration_cast<Duration>(options.pool_unused_timeout);
  return settings;
}

control::XdsOptions xds_options(const Options& options) {
  control::XdsOptions xds;
  xds.server.address = options.xds_address;
  xds.server.root = options.xds_root_ca;
  xds.server.alt_hostname = options.alt_xds_hostname;
  xds.server.tls12 = options.tls12;
  xds.server.token = token_of(options);
  xds.server.cluster_id = options.cluster_id;
  xds.server.headers = options.xds_headers;
  xds.node.ip = options.instance_ip;
  xds.node.pod_name = options.pod_name;
  xds.node.pod_namespace = options.pod_namespace;
  xds.node.node_name = options.node_name;
  xds.node.metadata = options.proxy_metadata;
  xds.node.json_metadata = options.json_metadata;
  return xds;
}

control::CaOptions ca_options(const Options& options) {
  control::CaOptions ca;
  ca.server.address = options.ca_address;
  ca.server.root = options.ca_root_ca;
  ca.server.alt_hostname = options.alt_ca_hostname;
  ca.server.tls12 = options.tls12;
  ca.server.token = token_of(options);
  ca.server.cluster_id = options.cluster_id;
  ca.server.headers = options.ca_headers;
  ca.ttl = seconds(options.secret_ttl);
  ca.impersonate = options.proxy_mode == ProxyMode::shared;
  return ca;
}

Result<void> check_credentials(const Options& options) {
  const auto ca = ca_options(options).server;
  const auto token = ca.token.read();
  if (!token) return token.error().with("AUTH_TOKEN");
  if (token->empty())
    log::warn(
        kLog,
        "the control plane is asked without a token: AUTH_TOKEN is not set, and no file is at " +
            std::string(control::TokenSource::kDefaultPath));
  if (const auto root = control::check_root(ca); !root) return root.error().with("CA_ROOT_CA");
  if (options.xds_address.empty()) return {};
  const auto root = control::check_root(xds_options(options).server);
  return root ? root : root.error().with("XDS_ROOT_CA");
}

state::LocalNode local_node(const Options& options) {
  return {Name(options.node_name), Name(options.network), Name(options.cluster_id)};
}

}  // namespace culvert::app
