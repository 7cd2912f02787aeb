#include "control/local/schema.hpp"

namespace culvert::control::local {

namespace {

using state::Workload;

state::Locality read_locality(const Value& value) {
  value.only({"region", "zone", "subzone"});
  return {value.required("region").name(), value.required("zone").name(),
          value.required("subzone").name()};
}

state::ApplicationTunnel read_tunnel(const Value& value) {
  using Kind = state::ApplicationTunnel::Protocol;
  value.only({"protocol", "port"});
  state::ApplicationTunnel tunnel;
  tunnel.protocol =
      value.required("protocol").choice<Kind>({{"NONE", Kind::none}, {"PROXY", Kind::proxy}});
  if (const auto port = value.find("port")) tunnel.port = port->port(1);
  return tunnel;
}

state::WorkloadType read_type(const Value& value) {
  using state::WorkloadType;
  return value.choice<WorkloadType>({{"", WorkloadType::deployment},
                                     {"deployment", WorkloadType::deployment},
                                     {"cronjob", WorkloadType::cronjob},
                                     {"pod", WorkloadType::pod},
                                     {"job", WorkloadType::job}});
}

// Without a uid one that is stable and looks like the control plane's.
Name uid_of(const Value& value, const Workload& workload) {
  if (const Name uid = value.name_or_empty("uid"); !uid.empty()) return uid;
  if (workload.name.empty()) value.bad("needs a uid, or a name to make one of");
  const std::string cluster =
      workload.cluster_id.empty() ? "Kubernetes" : workload.cluster_id.str();
  return Name(cluster + "//Pod/" + workload.namespace_.str() + "/" + workload.name.str());
}

void read_names(const Value& value, Workload& w) {
  w.name = value.name_or_empty("name");
  w.namespace_ = value.required("namespace").filled_name();
  w.hostname = value.name_or_empty("hostname");
  w.network = value.name_or_empty("network");
  w.trust_domain = value.name_or_empty("trustDomain");
  w.service_account = value.name_or_empty("serviceAccount");
  w.node = value.name_or_empty("node");
  w.cluster_id = value.name_or_empty("clusterId");
  w.workload_name = value.name_or_empty("workloadName");
  w.canonical_name = value.name_or_empty("canonicalName");
  w.canonical_revision = value.name_or_empty("canonicalRevision");
  w.uid = uid_of(value, w);
}

void read_reach(const Value& value, Workload& w) {
  using state::NetworkMode;
  using state::Protocol;
  for (const Value& ip : value.required("workloadIps").items()) w.addresses.push_back(ip.ip());
  if (const auto field = value.find("protocol"))
    w.protocol = field->choice<Protocol>({{"TCP", Protocol::tcp}, {"HBONE", Protocol::hbone}});
  if (const auto field = value.find("networkMode")) {
    w.network_mode = field->choice<NetworkMode>(
        {{"Standard", NetworkMode::standard}, {"HostNetwork", NetworkMode::host_network}});
  }
  if (const auto field = value.find("nativeTunnel")) w.native_tunnel = field->boolean();
  if (const auto field = value.find("waypoint")) w.waypoint = read_gateway(*field);
  if (const auto field = value.find("networkGateway")) w.network_gateway = read_gateway(*field);
  if (const auto field = value.find("applicationTunnel"))
    w.application_tunnel = read_tunnel(*field);
}

}  // namespace

state::HealthStatus read_status(const Value& value) {
  using state::HealthStatus;
  return value.choice<HealthStatus>(
      {{"Healthy", HealthStatus::healthy}, {"Unhealthy", HealthStatus::unhealthy}});
}

Workload read_workload(const Value& value) {
  value.only({"uid",
              "name",
              "namespace",
              "workloadIps",
              "services",
              "protocol",
              "networkMode",
              "trustDomain",
              "serviceAccount",
              "network",
              "workloadName",
              "workloadType",
              "canonicalName",
              "canonicalRevision",
              "hostname",
              "node",
              "clusterId",
              "waypoint",
              "networkGateway",
              "nativeTunnel",
              "applicationTunnel",
              "authorizationPolicies",
              "status",
              "locality",
              "capacity"});
  Workload w;
  read_names(value, w);
  read_reach(value, w);
  for (const auto& [key, ports] : value.required("services").entries())
    w.services.push_back({read_service_key(key), read_ports(ports)});
  if (const auto field = value.find_written("authorizationPolicies")) {
    for (const Value& policy : field->restricting_items())
      w.authorization_policies.push_back(policy.filled_name());
  }
  if (const auto field = value.find("workloadType")) w.workload_type = read_type(*field);
  if (const auto field = value.find("status")) w.status = read_status(*field);
  if (const auto field = value.find("locality")) w.locality = read_locality(*field);
  if (const auto field = value.find("capacity")) w.capacity = field->number(0, 0xffffffff);
  return w;
}

}  // namespace culvert::control::local
