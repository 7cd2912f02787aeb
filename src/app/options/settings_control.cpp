#include "app/options/settings.hpp"
#include "app/options/values.hpp"

namespace culvert::app {

namespace {

// "namespace/name/service-account", split at the first two slashes.
Result<WorkloadRef> read_workload(std::string_view text) {
  const auto first = text.find('/');
  const auto second = first == text.npos ? first : text.find('/', first + 1);
  if (second == text.npos || first == 0 || second == first + 1 || second + 1 == text.size())
    return fail(Errc::invalid, "must be namespace/name/service-account");
  return WorkloadRef{std::string(text.substr(0, first)),
                     std::string(text.substr(first + 1, second - first - 1)),
                     std::string(text.substr(second + 1))};
}

Result<ProxyMode> read_mode(std::string_view text) {
  if (text == "shared") return ProxyMode::shared;
  if (text == "dedicated") return ProxyMode::dedicated;
  return fail(Errc::invalid, "must be shared or dedicated");
}

// Most settings are plain text.
template <std::string Options::* member>
Result<void> set_text(Draft& draft, std::string_view value, std::string_view) {
  draft.options.*member = value;
  return {};
}

template <bool Options::* member>
Result<void> set_bool(Draft& draft, std::string_view value, std::string_view) {
  return assign(draft.options.*member, read_bool(value));
}

const Setting kSettings[] = {
    {{"PROXY_MODE", "shared|dedicated", "shared",
      "one proxy a node; dedicated, one for one workload, is not supported"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.proxy_mode, read_mode(v));
     }},
    {{"PROXY_WORKLOAD_INFO", "ns/name/sa", "", "the workload of dedicated mode (not supported)"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.proxy_workload, read_workload(v));
     }},
    {{"ENABLE_PROXY", "bool", "true", "run the HBONE proxy (false is not supported)"},
     set_bool<&Options::proxy>},
    {{"NODE_NAME", "text", "", "this node; limits which workloads count as local"},
     set_text<&Options::node_name>},
    {{"NETWORK", "text", "", "the network of this node"}, set_text<&Options::network>},
    {{"CLUSTER_ID", "text", "Kubernetes", "the cluster; ISTIO_META_CLUSTER_ID wins"},
     set_text<&Options::cluster_id>},
    {{"ISTIO_META_CLUSTER_ID", "text", "", "the cluster"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.meta_cluster_id = v;
       return {};
     }},
    {{"CLUSTER_DOMAIN", "text", "cluster.local", "domain of service hostnames"},
     set_text<&Options::cluster_domain>},
    {{"POD_NAME", "text", "", "own pod"}, set_text<&Options::pod_name>},
    {{"POD_NAMESPACE", "text", "", "own pod's namespace"}, set_text<&Options::pod_namespace>},
    {{"SERVICE_ACCOUNT", "text", "", "own service account"}, set_text<&Options::service_account>},
    {{"TRUST_DOMAIN", "text", "cluster.local", "trust domain of the own, logged identity"},
     set_text<&Options::trust_domain>},
    {{"INSTANCE_IP", "text", "1.1.1.1", "own address, as told to the control plane"},
     set_text<&Options::instance_ip>},
    {{"KUBERNETES_SERVICE_HOST", "text", "", "its presence selects the in-cluster addresses"},
     [](Draft& d, std::string_view, std::string_view) -> Result<void> {
       d.in_cluster = true;
       return {};
     }},
    {{"XDS_ADDRESS", "address",
      "https://istiod.istio-system.svc:15012 in a cluster, else https://localhost:15012",
      "control plane; empty: none"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.xds_address = v;
       return {};
     }},
    {{"CA_ADDRESS", "address",
      "https://istiod.istio-system.svc:15012 in a cluster, else https://localhost:15012",
      "certificate authority"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.ca_address = v;
       return {};
     }},
    {{"XDS_ROOT_CA", "path|SYSTEM|PEM", "./var/run/secrets/istio/root-cert.pem",
      "what must have signed the control plane's certificate; SYSTEM: the file that SSL_CERT_FILE "
      "names, else the distribution's"},
     set_text<&Options::xds_root_ca>},
    {{"CA_ROOT_CA", "path|SYSTEM|PEM", "./var/run/secrets/istio/root-cert.pem",
      "what must have signed the CA's certificate; SYSTEM as for XDS_ROOT_CA"},
     set_text<&Options::ca_root_ca>},
    {{"ALT_XDS_HOSTNAME", "text", "", "a further name its certificate may carry"},
     set_text<&Options::alt_xds_hostname>},
    {{"ALT_CA_HOSTNAME", "text", "", "a further name its certificate may carry"},
     set_text<&Options::alt_ca_hostname>},
    {{"AUTH_TOKEN", "path|token", "./var/run/secrets/tokens/istio-token if it exists",
      "bearer token for the control plane"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.options.auth_token = v;
       return {};
     },
     true},
    {{"XDS_ON_DEMAND", "bool", "false", "look workloads up as needed (not supported)"},
     set_bool<&Options::xds_on_demand>},
    {{"FAKE_CA", "bool", "false", "self-signed certificates (not supported)"},
     set_bool<&Options::fake_ca>},
    {{"SECRET_TTL", "duration", "24h", "certificate validity to ask for"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.secret_ttl, parse_duration(v));
     }},
    {{"XDS_HEADER_*", "text", "", "further header of calls to the control plane"},
     [](Draft& d, std::string_view v, std::string_view name) -> Result<void> {
       d.options.xds_headers.emplace_back(name, v);
       return {};
     },
     true},
    {{"CA_HEADER_*", "text", "", "further header of calls to the CA"},
     [](Draft& d, std::string_view v, std::string_view name) -> Result<void> {
       d.options.ca_headers.emplace_back(name, v);
       return {};
     },
     true},
    {{"ISTIO_META_ISTIO_VERSION", "text", "unknown", "version to report"},
     set_text<&Options::istio_version>},
    {{"ISTIO_META_*", "text", "", "metadata of the xDS node"},
     [](Draft& d, std::string_view v, std::string_view name) -> Result<void> {
       d.options.proxy_metadata[std::string(name)] = v;
       return {};
     }},
    {{"ISTIO_METAJSON_*", "JSON", "", "metadata of the xDS node"},
     [](Draft& d, std::string_view v, std::string_view name) -> Result<void> {
       d.options.json_metadata[std::string(name)] = v;
       return {};
     }},
    {{"PROXY_CONFIG", "YAML", "", "ProxyConfig, over the defaultConfig of ./etc/istio/config/mesh"},
     nullptr},
    {{"LOCAL_XDS_PATH", "path", "", "YAML file with workloads, services, policies"},
     set_text<&Options::local_xds_path>},
    {{"LOCAL_XDS", "YAML", "", "the same, inline"}, set_text<&Options::local_xds>},
    {{"PREFERED_SERVICE_NAMESPACE", "text", "", "breaks ties between services of one hostname"},
     set_text<&Options::preferred_service_namespace>},
};

}  // namespace

std::span<const Setting> control_settings() { return kSettings; }

}  // namespace culvert::app
