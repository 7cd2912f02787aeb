#include "admin/config_dump_state.hpp"

#include <array>
#include <string>

namespace culvert::admin {

using nlohmann::json;

namespace {

// The text of an enum value out of `texts`, in the enum's order.
template <class Enum, std::size_t n>
std::string text_of(Enum value, const std::array<const char*, n>& texts) {
  return texts.at(static_cast<std::size_t>(value));
}

void put_unless_empty(json& out, const char* key, const Name& value) {
  if (!value.empty()) out[key] = value.str();
}

json to_json(const state::GatewayAddress& gateway) {
  const auto destination =
      std::visit([](const auto& address) { return address.to_string(); }, gateway.destination);
  return {{"destination", destination}, {"hboneMtlsPort", gateway.hbone_mtls_port}};
}

// Keys of JSON objects are text, so ports become text.
json to_json(const state::PortMap& ports) {
  json out = json::object();
  for (const auto& [port, target] : ports) out[std::to_string(port)] = target;
  return out;
}

json to_json(const state::ApplicationTunnel& tunnel) {
  const bool proxy = tunnel.protocol == state::ApplicationTunnel::Protocol::proxy;
  return {{"protocol", proxy ? "PROXY" : "NONE"},
          {"port", tunnel.port == 0 ? json(nullptr) : json(tunnel.port)}};
}

json to_json(const state::LoadBalancing& balancing) {
  constexpr std::array kScopes = {"Region", "Zone", "Subzone", "Node", "Cluster", "Network"};
  constexpr std::array kModes = {"Standard", "Strict", "Failover", "Passthrough"};
  constexpr std::array kPolicies = {"OnlyHealthy", "AllowAll"};
  json preferences = json::array();
  for (const auto scope : balancing.routing_preference)
    preferences.push_back(text_of(scope, kScopes));
  return {{"routingPreferences", std::move(preferences)},
          {"mode", text_of(balancing.mode, kModes)},
          {"healthPolicy", text_of(balancing.health_policy, kPolicies)}};
}

std::string status_text(state::HealthStatus status) {
  return status == state::HealthStatus::healthy ? "Healthy" : "Unhealthy";
}

json strings(const std::vector<state::StringMatch>& matches) {
  constexpr std::array kKinds = {"Exact", "Prefix", "Suffix", "Presence"};
  json out = json::array();
  for (const auto& match : matches) {
    const bool presence = match.kind == state::StringMatch::Kind::presence;
    json one = json::object();
    one[text_of(match.kind, kKinds)] = presence ? json::array() : json(match.value);
    out.push_back(std::move(one));
  }
  return out;
}

json accounts(const std::vector<state::ServiceAccountMatch>& matches) {
  json out = json::array();
  for (const auto& match : matches)
    out.push_back(
        {{"namespace", match.namespace_.str()}, {"serviceAccount", match.service_account.str()}});
  return out;
}

json prefixes(const std::vector<IpPrefix>& matches) {
  json out = json::array();
  for (const auto& prefix : matches) out.push_back(prefix.to_string());
  return out;
}

json match_to_json(const state::Match& match) {
  json out = json::object();
  const auto put = [&out](const char* key, json values) {
    if (!values.empty()) out[key] = std::move(values);
  };
  put("namespaces", strings(match.namespaces));
  put("notNamespaces", strings(match.not_namespaces));
  put("serviceAccounts", accounts(match.service_accounts));
  put("notServiceAccounts", accounts(match.not_service_accounts));
  put("principals", strings(match.principals));
  put("notPrincipals", strings(match.not_principals));
  put("sourceIps", prefixes(match.source_ips));
  put("notSourceIps", prefixes(match.not_source_ips));
  put("destinationIps", prefixes(match.destination_ips));
  put("notDestinationIps", prefixes(match.not_destination_ips));
  put("destinationPorts", match.destination_ports);
  put("notDestinationPorts", match.not_destination_ports);
  return out;
}

}  // namespace

json to_json(const state::Workload& workload) {
  json out = {
      {"protocol", workload.protocol == state::Protocol::hbone ? "HBONE" : "TCP"},
      {"networkMode",
       workload.network_mode == state::NetworkMode::standard ? "Standard" : "HostNetwork"},
      {"name", workload.name.str()},
      {"namespace", workload.namespace_.str()},
      {"status", status_text(workload.status)},
      {"clusterId", workload.cluster_id.str()},
      {"capacity", workload.capacity},
      {"workloadType", std::string(to_string(workload.workload_type))},
  };
  json addresses = json::array();
  for (const auto& ip : workload.addresses) addresses.push_back(ip.to_string());
  out["workloadIps"] = std::move(addresses);
  put_unless_empty(out, "uid", workload.uid);
  put_unless_empty(out, "trustDomain", workload.trust_domain);
  put_unless_empty(out, "serviceAccount", workload.service_account);
  put_unless_empty(out, "network", workload.network);
  put_unless_empty(out, "workloadName", workload.workload_name);
  put_unless_empty(out, "canonicalName", workload.canonical_name);
  put_unless_empty(out, "canonicalRevision", workload.canonical_revision);
  put_unless_empty(out, "hostname", workload.hostname);
  put_unless_empty(out, "node", workload.node);
  if (workload.waypoint) out["waypoint"] = to_json(*workload.waypoint);
  if (workload.network_gateway) out["networkGateway"] = to_json(*workload.network_gateway);
  if (workload.native_tunnel) out["nativeTunnel"] = true;
  if (workload.application_tunnel) out["applicationTunnel"] = to_json(*workload.application_tunnel);
  if (!workload.locality.empty())
    out["locality"] = {{"region", workload.locality.region.str()},
                       {"zone", workload.locality.zone.str()},
                       {"subzone", workload.locality.subzone.str()}};
  for (const auto& policy : workload.authorization_policies)
    out["authorizationPolicies"].push_back(policy.str());
  for (const auto& membership : workload.services)
    out["services"].push_back(membership.service.to_string());
  return out;
}

json to_json(std::span<const state::Endpoint> endpoints) {
  json out = json::object();
  for (const auto& endpoint : endpoints) {
    const auto uid = endpoint.workload->uid.str();
    out[uid] = {{"workloadUid", uid},
                {"port", endpoint.ports == nullptr ? json::object() : to_json(*endpoint.ports)},
                {"status", status_text(endpoint.workload->status)}};
  }
  return out;
}

json to_json(const state::Service& service, std::span<const state::Endpoint> endpoints) {
  constexpr std::array kFamilies = {"", "IPv4", "IPv6", "Dual"};
  json vips = json::array();
  for (const auto& vip : service.vips) vips.push_back(vip.to_string());
  json out = {
      {"name", service.name.str()},
      {"namespace", service.namespace_.str()},
      {"hostname", service.hostname.str()},
      {"vips", std::move(vips)},
      {"ports", to_json(service.ports)},
      {"endpoints", to_json(endpoints)},
      {"subjectAltNames", service.subject_alt_names},
      {"canonical", service.canonical},
      {"visibility", service.visibility == state::Visibility::namespace_ ? "Namespace" : "Public"},
  };
  for (const auto& vip : service.cidr_vips)
    out["cidrVips"].push_back({{"network", vip.network.str()}, {"cidr", vip.prefix.to_string()}});
  if (service.waypoint) out["waypoint"] = to_json(*service.waypoint);
  for (const auto& waypoint : service.weighted_waypoints)
    out["weightedWaypoints"].push_back(
        {{"destination", to_json(waypoint.destination)}, {"weight", waypoint.weight}});
  if (service.load_balancing) out["loadBalancer"] = to_json(*service.load_balancing);
  if (service.ip_families != state::IpFamilies::automatic)
    out["ipFamilies"] = text_of(service.ip_families, kFamilies);
  return out;
}

json to_json(const state::Policy& policy) {
  constexpr std::array kScopes = {"Global", "Namespace", "WorkloadSelector"};
  json rules = json::array();
  for (const auto& rule : policy.rules) {
    json clauses = json::array();
    for (const auto& clause : rule.clauses) {
      json matches = json::array();
      for (const auto& match : clause.matches) matches.push_back(match_to_json(match));
      clauses.push_back(std::move(matches));
    }
    rules.push_back(std::move(clauses));
  }
  return {{"name", policy.name.str()},
          {"namespace", policy.namespace_.str()},
          {"scope", text_of(policy.scope, kScopes)},
          {"action", policy.action == state::Policy::Action::deny ? "Deny" : "Allow"},
          {"dryRun", policy.dry_run},
          {"rules", std::move(rules)}};
}

}  // namespace culvert::admin
