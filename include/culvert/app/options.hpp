// Every setting of the daemon: environment variables, ProxyConfig and mesh configuration, read once
// at start. A wrong value stops the start with one line that names the variable, its value and what
// is allowed; nothing that touches security is ever ignored in silence.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/dns/exchange.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::app {

enum class ProxyMode : std::uint8_t { shared, dedicated };
// Which code seals and opens TLS records.
enum class AeadChoice : std::uint8_t { automatic, ipsec_mb, evp };
// Whose record layer carries the bytes after the handshake.
enum class RecordsChoice : std::uint8_t { own, openssl };

// A workload by Kubernetes names.
struct WorkloadRef {
  std::string namespace_;
  std::string name;
  std::string service_account;

  bool operator==(const WorkloadRef&) const = default;
};

// Extra gRPC metadata; the values may be secrets and are never dumped.
using Headers = std::vector<std::pair<std::string, std::string>>;

// How sockets are kept alive (KEEPALIVE_*, USER_TIMEOUT_ENABLED).
struct SocketOptions {
  bool keepalive = true;
  std::chrono::nanoseconds keepalive_time = std::chrono::seconds(180);
  std::chrono::nanoseconds keepalive_interval = std::chrono::seconds(180);
  std::uint32_t keepalive_retries = 9;
  bool user_timeout = false;

  bool operator==(const SocketOptions&) const = default;
};

// The settings, with their defaults. A value; constant after start.
struct Options {
  // Who we are.
  ProxyMode proxy_mode = ProxyMode::shared;
  std::optional<WorkloadRef> proxy_workload;  // dedicated mode
  bool proxy = true;
  std::string node_name;  // empty: every workload counts as local
  std::string network;
  std::string cluster_id = "Kubernetes";
  std::string cluster_domain = "cluster.local";
  std::string pod_name;
  std::string pod_namespace;
  std::string service_account;
  std::string trust_domain = "cluster.local";  // of our own logged identity only
  std::string instance_ip = "1.1.1.1";
  std::string istio_version = "unknown";

  // Control plane.
  std::string xds_address;                                            // with scheme; empty: no xDS
  std::string ca_address;                                             // with scheme
  std::string xds_root_ca = "./var/run/secrets/istio/root-cert.pem";  // path, SYSTEM or PEM text
  std::string ca_root_ca = "./var/run/secrets/istio/root-cert.pem";
  std::string alt_xds_hostname;
  std::string alt_ca_hostname;
  std::optional<std::string> auth_token;  // path or literal token; never dumped or logged
  bool xds_on_demand = false;
  bool fake_ca = false;
  std::chrono::nanoseconds secret_ttl = std::chrono::hours(24);
  Headers xds_headers;
  Headers ca_headers;
  std::map<std::string, std::string> proxy_metadata;  // ISTIO_META_X as X
  std::map<std::string, std::string> json_metadata;   // ISTIO_METAJSON_X as X, JSON text
  std::string local_xds_path;
  std::string local_xds;  // the document itself
  std::string preferred_service_namespace;

  // Data path.
  std::string inpod_uds = "/var/run/ztunnel/ztunnel.sock";
  bool inpod_port_reuse = true;
  std::optional<std::uint32_t> packet_mark;
  std::optional<bool> original_source;                 // absent: where it is permitted
  std::uint32_t stream_window = 4 * 1024 * 1024;       // bytes
  std::uint32_t connection_window = 16 * 1024 * 1024;  // bytes
  std::uint32_t frame_size = 1024 * 1024;              // bytes
  std::uint16_t pool_max_streams = 100;
  std::chrono::nanoseconds pool_unused_timeout = std::chrono::minutes(5);
  SocketOptions sockets;
  bool socks5 = false;
  bool localhost_app_tunnel = true;
  bool response_baggage = true;
  bool ipv6 = true;
  bool dns_capture = true;                            // pods' DNS queries are answered
  std::string dns_proxy_address = "localhost:15053";  // "localhost:<port>" or "ip:port"
  bool tls12 = false;
  bool pqc_only = false;  // COMPLIANCE_POLICY=pqc
  std::string crl_path;
  bool authz_info_logging = false;
  AeadChoice aead = AeadChoice::automatic;
  RecordsChoice records = RecordsChoice::own;

  // Process.
  unsigned worker_threads = 2;
  std::chrono::nanoseconds termination_deadline = std::chrono::seconds(5);
  std::uint16_t admin_port = 15000;
  std::uint16_t stats_port = 15020;
  std::string log_filter = "info";
  bool log_json = false;
  std::string arguments;  // the command line behind the program's name, joined by spaces

  // Our own workload when POD_NAMESPACE, POD_NAME and SERVICE_ACCOUNT are all set.
  std::optional<WorkloadRef> own_workload() const;
  // Its identity in our trust domain.
  std::optional<Identity> own_identity() const;

  bool operator==(const Options&) const = default;
};

// All that parse_options() reads from outside, so that tests can give their own.
struct Environment {
  std::map<std::string, std::string> variables;
  // A file's text; nothing when there is no such file. Errc::io for any other failure.
  std::function<Result<std::optional<std::string>>(const std::string& path)> read_file;
  unsigned cpus = 1;  // logical CPUs this process may use
};

// The environment, files and CPUs of this process.
Environment system_environment();

// Reads, merges and checks everything. Later beats earlier: defaults, mesh configuration file,
// PROXY_CONFIG, own variables. Unknown variables are ignored. Errc::invalid for values that cannot
// be, Errc::unsupported for settings whose feature is not there: both name the variable.
Result<Options> parse_options(const Environment& environment,
                              std::span<const std::string> arguments);

// What an operator should know about `options` though it stops nothing; one line each.
std::vector<std::string> warnings(const Options& options);

// The settings as lines "key: value" of YAML, for the log at start. No secrets.
std::vector<std::string> describe(const Options& options);

// The settings for the config dump: JSON text indented by two spaces. No secrets. `resolvers`: whom
// the daemon itself asks for names, now.
std::string to_json(const Options& options, const dns::Resolvers& resolvers = {});

// One environment variable as users see it.
struct SettingHelp {
  std::string_view name;  // ends in '*' for a family of variables
  std::string_view type;
  std::string_view fallback;  // the default, in words
  std::string_view help;
};

// All variables, in the order of the documentation. Help text and docs come from here.
std::span<const SettingHelp> setting_help();

// The text of `culvert help`.
std::string help_text();

// "1m30s", "250ms", "2h+30m", "10s*6", "90" (seconds). Units ns, us, ms, s, m, h, d, w, mon (30
// days), y (365 days). Errc::invalid otherwise, and beyond 292 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace culvert::app
