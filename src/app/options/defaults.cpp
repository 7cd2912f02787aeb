#include "app/options/defaults.hpp"

#include "app/options/worker_threads.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include <algorithm>
#include <utility>

namespace culvert::app {

namespace {

constexpr std::uint32_t kPacketMark = 1337;

std::string with_scheme(std::string address) {
  if (address.empty() || address.find("://") != std::string::npos) return address;
  return "https://" + address;
}

// Addresses of the control plane and the CA.
void complete_addresses(const Draft& draft, Options& options) {
  const std::string fallback =
      draft.in_cluster ? "https://istiod.istio-system.svc:15012" : "https://localhost:15012";
  const auto& discovery = draft.proxy_config.discovery_address;
  options.xds_address = with_scheme(draft.xds_address.value_or(discovery.value_or(fallback)));
  options.ca_address = with_scheme(draft.ca_address.value_or(fallback));
}

// ProxyConfig's metadata lies below the environment's. Two keys of it are settings of our own.
void complete_metadata(const Draft& draft, Options& options) {
  for (const auto& [key, value] : draft.proxy_config.metadata)
    options.proxy_metadata.try_emplace(key, value);
  if (const auto found = options.proxy_metadata.find("DNS_CAPTURE");
      found != options.proxy_metadata.end())
    options.dns_capture = boost::algorithm::iequals(found->second, "true");
  if (const auto found = options.proxy_metadata.find("DNS_PROXY_ADDR");
      found != options.proxy_metadata.end())
    options.dns_proxy_address = found->second;
}

}  // namespace

std::uint64_t deadline_within(std::uint64_t grace_seconds) {
  if (grace_seconds > 10) return grace_seconds - 5;
  return grace_seconds > 2 ? grace_seconds - 1 : 1;
}

Result<Options> complete(Draft draft, unsigned cpus) {
  Options options = std::move(draft.options);
  if (draft.meta_cluster_id) options.cluster_id = *draft.meta_cluster_id;
  complete_addresses(draft, options);
  complete_metadata(draft, options);
  if (!options.packet_mark && options.proxy_mode == ProxyMode::shared)
    options.packet_mark = kPacketMark;
  if (draft.termination_deadline)
    options.termination_deadline = *draft.termination_deadline;
  else if (draft.grace_seconds)
    options.termination_deadline = std::chrono::seconds(deadline_within(*draft.grace_seconds));
  options.admin_port = draft.proxy_config.admin_port.value_or(options.admin_port);
  options.stats_port = draft.proxy_config.stats_port.value_or(options.stats_port);
  const auto threads = worker_threads(draft, cpus);
  if (!threads) return threads.error();
  options.worker_threads = *threads;
  return options;
}

}  // namespace culvert::app
