// The settings as others see them: the configuration dump and the log at start. The token and the
// values of headers never appear.
#include "culvert/app/options.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace culvert::app {

using nlohmann::json;

namespace {

json duration(std::chrono::nanoseconds value) {
  return {{"secs", value.count() / 1'000'000'000}, {"nanos", value.count() % 1'000'000'000}};
}

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json workload(const std::optional<WorkloadRef>& ref) {
  if (!ref) return nullptr;
  return {{"name", ref->name},
          {"namespace", ref->namespace_},
          {"serviceAccount", ref->service_account}};
}

json root_certificate(const std::string& root) {
  if (root == "SYSTEM") return "Default";
  if (root.find("-----BEGIN") != std::string::npos) return "Static";
  return {{"File", root}};
}

// Names only, as they are sent (RFC 9113 section 8.2): the values may be credentials.
json headers(const Headers& all) {
  json out = json::array();
  for (const auto& [name, value] : all)
    out.push_back(json::array({boost::algorithm::to_lower_copy(name), "<redacted>"}));
  return out;
}

// Both loopback addresses of a port, the second one only with IPv6.
json both_loopbacks(const Options& options, unsigned long port) {
  return {{"Localhost", json::array({options.ipv6, port})}};
}

// parse_options() has checked the text.
json dns_address(const Options& options) {
  constexpr std::string_view kLocalhost = "localhost:";
  const std::string& text = options.dns_proxy_address;
  if (const auto address = SocketAddress::parse(text))
    return {{"SocketAddr", address->to_string()}};
  return both_loopbacks(options, std::stoul(text.substr(kLocalhost.size())));
}

std::string listener(const Options& options, std::uint16_t port) {
  return (options.ipv6 ? "[::]:" : "0.0.0.0:") + std::to_string(port);
}

void put_identity(json& out, const Options& options) {
  out["proxyMode"] = options.proxy_mode == ProxyMode::shared ? "Shared" : "Dedicated";
  out["proxyWorkloadInformation"] = workload(options.proxy_workload);
  out["network"] = options.network;
  out["localNode"] = text_or_null(options.node_name);
  out["clusterId"] = options.cluster_id;
  out["clusterDomain"] = options.cluster_domain;
  out["ztunnelWorkload"] = workload(options.own_workload());
  const auto identity = options.own_identity();
  out["ztunnelIdentity"] = identity ? json(identity->uri()) : json(nullptr);
  out["proxyMetadata"] = options.proxy_metadata;
  out["proxyArgs"] = options.arguments;
  out["preferedServiceNamespace"] = text_or_null(options.preferred_service_namespace);
}

void put_control(json& out, const Options& options) {
  out["xdsAddress"] = text_or_null(options.xds_address);
  out["xdsRootCert"] = root_certificate(options.xds_root_ca);
  out["altXdsHostname"] = text_or_null(options.alt_xds_hostname);
  out["caAddress"] = text_or_null(options.ca_address);
  out["caRootCert"] = root_certificate(options.ca_root_ca);
  out["altCaHostname"] = text_or_null(options.alt_ca_hostname);
  out["secretTtl"] = duration(options.secret_ttl);
  out["xdsOnDemand"] = options.xds_on_demand;
  out["fakeCa"] = options.fake_ca;
  out["xdsHeaders"] = headers(options.xds_headers);
  out["caHeaders"] = headers(options.ca_headers);
  out["crlPath"] = text_or_null(options.crl_path);
}

void put_addresses(json& out, const Options& options) {
  out["adminAddr"] = both_loopbacks(options, options.admin_port);
  out["statsAddr"] = {{"SocketAddr", listener(options, options.stats_port)}};
  out["readinessAddr"] = {{"SocketAddr", listener(options, 15021)}};
  out["inboundAddr"] = listener(options, 15008);
  out["inboundPlaintextAddr"] = listener(options, 15006);
  out["outboundAddr"] = listener(options, 15001);
  out["socks5Addr"] = nullptr;
  out["dnsProxyAddr"] = dns_address(options);
  out["illegalPorts"] = json::array({15001, 15006, 15008});
  out["ipv6Enabled"] = options.ipv6;
}

void put_data(json& out, const Options& options) {
  out["proxy"] = options.proxy;
  out["dnsProxy"] = options.dns_capture;
  out["windowSize"] = options.stream_window;
  out["connectionWindowSize"] = options.connection_window;
  out["frameSize"] = options.frame_size;
  out["poolMaxStreamsPerConn"] = options.pool_max_streams;
  out["poolUnusedReleaseTimeout"] = duration(options.pool_unused_timeout);
  out["requireOriginalSource"] =
      options.original_source ? json(*options.original_source) : json(nullptr);
  out["packetMark"] = options.packet_mark ? json(*options.packet_mark) : json(nullptr);
  out["inpodUds"] = options.inpod_uds;
  out["inpodPortReuse"] = options.inpod_port_reuse;
  out["localhostAppTunnel"] = options.localhost_app_tunnel;
  out["enableEnhancedBaggage"] = options.response_baggage;
  out["socketConfig"] = {{"keepaliveEnabled", options.sockets.keepalive},
                         {"keepaliveTime", duration(options.sockets.keepalive_time)},
                         {"keepaliveInterval", duration(options.sockets.keepalive_interval)},
                         {"keepaliveRetries", options.sockets.keepalive_retries},
                         {"userTimeoutEnabled", options.sockets.user_timeout}};
}

void put_process(json& out, const Options& options) {
  constexpr const char* kAead[] = {"auto", "ipsec-mb", "evp"};
  out["selfTerminationDeadline"] = duration(options.termination_deadline);
  out["numWorkerThreads"] = options.worker_threads;
  out["fakeSelfInbound"] = false;
  out["culvertAead"] = kAead[static_cast<std::size_t>(options.aead)];
  out["culvertRecords"] = options.records == RecordsChoice::own ? "own" : "openssl";
  out["tls12Enabled"] = options.tls12;
  out["compliancePolicy"] = options.pqc_only ? json("pqc") : json(nullptr);
}

// Whom the daemon itself asks for names, with the keys that the reference's resolver library has;
// those of its options that mean nothing here are left out.
void put_resolvers(json& out, const dns::Resolvers& resolvers) {
  const auto way = [](const SocketAddress& server, const char* protocol) -> json {
    return {{"port", server.port}, {"protocol", {{"type", protocol}}}, {"bind_addr", nullptr}};
  };
  json servers = json::array();
  for (const auto& server : resolvers.servers)
    servers.push_back({{"ip", server.ip.to_string()},
                       {"trust_negative_responses", true},
                       {"connections", json::array({way(server, "udp"), way(server, "tcp")})}});
  out["dnsResolverCfg"] = {
      {"domain", nullptr}, {"search", resolvers.search}, {"name_servers", std::move(servers)}};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(resolvers.try_again);
  out["dnsResolverOpts"] = {
      {"ndots", resolvers.ndots}, {"timeout", seconds.count()}, {"edns0", false}};
}

json document(const Options& options) {
  json out = json::object();
  put_identity(out, options);
  put_control(out, options);
  put_addresses(out, options);
  put_data(out, options);
  put_process(out, options);
  return out;
}

constexpr auto kReplace = json::error_handler_t::replace;

}  // namespace

std::string to_json(const Options& options, const dns::Resolvers& resolvers) {
  json all = document(options);
  put_resolvers(all, resolvers);
  return all.dump(2, ' ', false, kReplace);
}

std::vector<std::string> describe(const Options& options) {
  std::vector<std::string> lines;
  const json all = document(options);  // items() refers to it
  for (const auto& [key, value] : all.items())
    lines.push_back(key + ": " + value.dump(-1, ' ', false, kReplace));
  return lines;
}

}  // namespace culvert::app
