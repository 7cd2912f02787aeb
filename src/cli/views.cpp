#include "cli/views.hpp"

#include "cli/table.hpp"

#include <nlohmann/json.hpp>

#include <set>

namespace culvert::cli {
namespace {

using Json = nlohmann::json;

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto it = object.find(key);
  return it == object.end() ? nothing : *it;
}

// A scalar as text; "" for anything else.
std::string plain(const Json& value) {
  if (const auto* text = value.get_ptr<const std::string*>()) return *text;
  if (value.is_number() || value.is_boolean()) return value.dump();
  return {};
}

std::string text(const Json& object, const char* key) { return plain(member(object, key)); }

std::string joined(const Json& list) {
  std::string all;
  for (const auto& element : list) all += (all.empty() ? "" : ",") + plain(element);
  return all;
}

// "80->8080,443->8443", from a map of ports.
std::string ports(const Json& map) {
  std::string all;
  if (!map.is_object()) return all;
  for (const auto& [port, target] : map.items())
    all += (all.empty() ? "" : ",") + port + "->" + plain(target);
  return all;
}

// The elements of `key`, which may be a list or a map whose values are meant.
std::vector<Json> elements(const Json& dump, const char* key) {
  const auto& list = member(dump, key);
  return list.is_array() || list.is_object() ? std::vector<Json>(list.begin(), list.end())
                                             : std::vector<Json>();
}

std::string identity(const Json& workload) {
  return "spiffe://" + text(workload, "trustDomain") + "/ns/" + text(workload, "namespace") +
         "/sa/" + text(workload, "serviceAccount");
}

std::string endpoints(const Json& service, const std::set<std::string>& healthy) {
  const auto& map = member(service, "endpoints");
  if (!map.is_object()) return "0/0";
  std::size_t good = 0;
  for (const auto& endpoint : map) good += healthy.count(text(endpoint, "workloadUid"));
  return std::to_string(good) + "/" + std::to_string(map.size());
}

std::string count(const Json& pod, const char* direction) {
  const auto& list = member(member(pod, "connections"), direction);
  return std::to_string(list.is_array() ? list.size() : 0);
}

}  // namespace

std::string view_workloads(const Json& dump) {
  Table table({"NAMESPACE", "NAME", "ADDRESSES", "NODE", "PROTOCOL", "STATUS", "IDENTITY"});
  for (const auto& w : elements(dump, "workloads"))
    table.row({text(w, "namespace"), text(w, "name"), joined(member(w, "workloadIps")),
               text(w, "node"), text(w, "protocol"), text(w, "status"), identity(w)});
  return table.text();
}

std::string view_services(const Json& dump) {
  std::set<std::string> healthy;
  for (const auto& w : elements(dump, "workloads"))
    if (text(w, "status") == "Healthy") healthy.insert(text(w, "uid"));
  Table table({"NAMESPACE", "NAME", "HOSTNAME", "ADDRESSES", "PORTS", "ENDPOINTS"});
  for (const auto& s : elements(dump, "services"))
    table.row({text(s, "namespace"), text(s, "name"), text(s, "hostname"),
               joined(member(s, "vips")), ports(member(s, "ports")), endpoints(s, healthy)});
  return table.text();
}

std::string view_policies(const Json& dump) {
  Table table({"NAMESPACE", "NAME", "ACTION", "SCOPE", "RULES", "DRY RUN"});
  for (const auto& p : elements(dump, "policies"))
    table.row({text(p, "namespace"), text(p, "name"), text(p, "action"), text(p, "scope"),
               std::to_string(member(p, "rules").size()), text(p, "dryRun")});
  return table.text();
}

std::string view_certificates(const Json& dump) {
  Table table({"IDENTITY", "STATE", "VALID FROM", "EXPIRES", "SERIAL"});
  for (const auto& c : elements(dump, "certificates")) {
    const auto& chain = member(c, "certChain");
    const Json leaf = chain.is_array() && !chain.empty() ? chain.front() : Json();
    table.row({text(c, "identity"), text(c, "state"), text(leaf, "validFrom"),
               text(leaf, "expirationTime"), text(leaf, "serialNumber")});
  }
  return table.text();
}

std::string view_connections(const Json& dump) {
  Table table({"POD", "DIRECTION", "FROM", "TO", "CARRIED TO", "PROTOCOL"});
  for (const auto& pod : elements(dump, "workloadState")) {
    const auto& info = member(pod, "info");
    const auto name = text(info, "namespace") + "/" + text(info, "name");
    for (const auto* direction : {"inbound", "outbound"})
      for (const auto& c : elements(member(pod, "connections"), direction))
        table.row({name, direction, text(c, "src"), text(c, "originalDst"), text(c, "actualDst"),
                   text(c, "protocol")});
  }
  return table.text();
}

std::string view_status(const Json& dump) {
  const auto& config = member(dump, "config");
  std::size_t available = 0;
  const auto certificates = elements(dump, "certificates");
  for (const auto& c : certificates) available += text(c, "state") == "Available" ? 1 : 0;
  const auto size = [&](const char* key) { return std::to_string(elements(dump, key).size()); };
  std::string out = "version " + text(member(dump, "version"), "version") + ", node " +
                    text(config, "localNode") + ", cluster " + text(config, "clusterId") + ", " +
                    text(config, "proxyMode") + " mode, DNS " +
                    (member(config, "dnsProxy") == true ? "served" : "not served") + "\n" +
                    size("workloads") + " workloads, " + size("services") + " services, " +
                    size("policies") + " policies, " + std::to_string(available) + "/" +
                    std::to_string(certificates.size()) + " certificates available\n\n";
  Table table({"NAMESPACE", "POD", "SERVICE ACCOUNT", "STATE", "INBOUND", "OUTBOUND"});
  for (const auto& pod : elements(dump, "workloadState")) {
    const auto& info = member(pod, "info");
    table.row({text(info, "namespace"), text(info, "name"), text(info, "serviceAccount"),
               text(pod, "state"), count(pod, "inbound"), count(pod, "outbound")});
  }
  return out + table.text();
}

}  // namespace culvert::cli
