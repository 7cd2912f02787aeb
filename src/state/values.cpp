#include "culvert/state/policy.hpp"
#include "culvert/state/workload.hpp"

#include <algorithm>

namespace culvert::state {

std::string_view to_string(Protocol value) { return value == Protocol::hbone ? "hbone" : "tcp"; }

std::string_view to_string(WorkloadType value) {
  switch (value) {
    case WorkloadType::deployment:
      return "deployment";
    case WorkloadType::cronjob:
      return "cronjob";
    case WorkloadType::pod:
      return "pod";
    case WorkloadType::job:
      return "job";
  }
  return "unknown";
}

std::string NetworkAddress::to_string() const { return network.str() + "/" + ip.to_string(); }

Result<NamespacedHostname> NamespacedHostname::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) {
    return fail(Errc::invalid, "not \"namespace/hostname\": " + std::string(text));
  }
  return NamespacedHostname{Name(text.substr(0, slash)), Name(text.substr(slash + 1))};
}

std::string NamespacedHostname::to_string() const {
  return namespace_.str() + "/" + hostname.str();
}

std::string GatewayAddress::to_string() const {
  const std::string port = ":" + std::to_string(hbone_mtls_port);
  return std::visit([&](const auto& d) { return d.to_string() + port; }, destination);
}

PortMap::PortMap(std::initializer_list<Entry> entries) {
  for (const auto& [service_port, target_port] : entries) set(service_port, target_port);
}

void PortMap::set(std::uint16_t service_port, std::uint16_t target_port) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), Entry(service_port, 0));
  if (at != entries_.end() && at->first == service_port) {
    at->second = target_port;
  } else {
    entries_.emplace(at, service_port, target_port);
  }
}

std::optional<std::uint16_t> PortMap::find(std::uint16_t service_port) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), Entry(service_port, 0));
  if (at == entries_.end() || at->first != service_port) return std::nullopt;
  return at->second;
}

bool Workload::has_address(const IpAddress& ip) const {
  return std::find(addresses.begin(), addresses.end(), ip) != addresses.end();
}

const Membership* Workload::membership(const NamespacedHostname& service) const {
  const auto at = std::find_if(services.begin(), services.end(),
                               [&](const Membership& m) { return m.service == service; });
  return at == services.end() ? nullptr : &*at;
}

std::string normal_hostname(std::string_view hostname) {
  if (hostname.ends_with('.')) hostname.remove_suffix(1);
  std::string normal(hostname);
  for (char& c : normal) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return normal;
}

bool Match::empty() const {
  return namespaces.empty() && not_namespaces.empty() && service_accounts.empty() &&
         not_service_accounts.empty() && principals.empty() && not_principals.empty() &&
         source_ips.empty() && not_source_ips.empty() && destination_ips.empty() &&
         not_destination_ips.empty() && destination_ports.empty() && not_destination_ports.empty();
}

}  // namespace culvert::state
