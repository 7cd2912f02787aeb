#include "control/local/schema.hpp"

namespace culvert::control::local {

namespace {

using state::LoadBalancing;
using state::Service;

state::Scope read_scope(const Value& value) {
  using state::Scope;
  return value.choice<Scope>({{"Region", Scope::region},
                              {"Zone", Scope::zone},
                              {"Subzone", Scope::subzone},
                              {"Node", Scope::node},
                              {"Cluster", Scope::cluster},
                              {"Network", Scope::network}});
}

LoadBalancing read_load_balancer(const Value& value) {
  using Mode = LoadBalancing::Mode;
  using Health = LoadBalancing::HealthPolicy;
  value.only({"routingPreferences", "mode", "healthPolicy"});
  LoadBalancing balancing;
  for (const Value& scope : value.required("routingPreferences").items())
    balancing.routing_preference.push_back(read_scope(scope));
  balancing.mode = value.required("mode").choice<Mode>({{"Standard", Mode::standard},
                                                        {"Strict", Mode::strict},
                                                        {"Failover", Mode::failover},
                                                        {"Passthrough", Mode::passthrough}});
  balancing.health_policy =
      value.required("healthPolicy")
          .choice<Health>({{"OnlyHealthy", Health::only_healthy}, {"AllowAll", Health::allow_all}});
  return balancing;
}

// A range of one address is an exact one: it competes with those.
void read_cidr_vip(const Value& value, Service& s) {
  value.only({"network", "cidr"});
  const Name network = value.name_or_empty("network");
  const IpPrefix prefix = value.required("cidr").prefix();
  if (prefix.length() == prefix.base().bits())
    s.vips.push_back({network, prefix.base()});
  else
    s.cidr_vips.push_back({network, prefix});
}

state::WeightedWaypoint read_weighted_waypoint(const Value& value) {
  value.only({"destination", "weight"});
  return {read_gateway(value.required("destination")),
          value.required("weight").number(0, 0xffffffff)};
}

void read_waypoints(const Value& value, Service& s) {
  if (const auto field = value.find("waypoint")) s.waypoint = read_gateway(*field);
  if (const auto field = value.find("weightedWaypoints")) {
    for (const Value& item : field->items())
      s.weighted_waypoints.push_back(read_weighted_waypoint(item));
  }
}

void read_choice_fields(const Value& value, Service& s) {
  using state::IpFamilies;
  using state::Visibility;
  if (const auto field = value.find("loadBalancer")) s.load_balancing = read_load_balancer(*field);
  if (const auto field = value.find("ipFamilies")) {
    s.ip_families = field->choice<IpFamilies>({{"Dual", IpFamilies::dual},
                                               {"IPv4", IpFamilies::ipv4_only},
                                               {"IPv6", IpFamilies::ipv6_only}});
  }
  if (const auto field = value.find("canonical")) s.canonical = field->boolean();
  if (const auto field = value.find("visibility")) {
    s.visibility = field->choice<Visibility>(
        {{"Public", Visibility::public_}, {"Namespace", Visibility::namespace_}});
  }
}

}  // namespace

Service read_service(const Value& value) {
  value.only({"name", "namespace", "hostname", "vips", "cidrVips", "ports", "endpoints",
              "subjectAltNames", "waypoint", "weightedWaypoints", "loadBalancer", "ipFamilies",
              "canonical", "visibility"});
  Service s;
  s.name = value.required("name").filled_name();
  s.namespace_ = value.required("namespace").filled_name();
  s.hostname = value.required("hostname").filled_name();
  for (const Value& vip : value.required("vips").items())
    s.vips.push_back(read_network_address(vip));
  if (const auto field = value.find("cidrVips")) {
    for (const Value& item : field->items()) read_cidr_vip(item, s);
  }
  s.ports = read_ports(value.required("ports"));
  if (const auto field = value.find("subjectAltNames")) {
    for (const Value& item : field->items()) s.subject_alt_names.push_back(item.text());
  }
  read_waypoints(value, s);
  read_choice_fields(value, s);
  return s;
}

std::vector<NamedEndpoint> read_endpoints(const Value& service_value,
                                          const state::NamespacedHostname& key) {
  std::vector<NamedEndpoint> list;
  const auto field = service_value.find("endpoints");
  if (!field) return list;
  for (const auto& [uid, value] : field->entries()) {
    value.only({"workloadUid", "port", "status"});
    const auto workload_uid = value.find("workloadUid");
    const auto ports = value.find("port");
    const auto status = value.find("status");
    list.push_back({value,
                    workload_uid ? workload_uid->filled_name() : uid.filled_name(),
                    {key, ports ? read_ports(*ports) : state::PortMap()},
                    status ? read_status(*status) : state::HealthStatus::healthy});
  }
  return list;
}

}  // namespace culvert::control::local
