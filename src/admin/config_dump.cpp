#include "culvert/admin/config_dump.hpp"

#include "admin/base64.hpp"
#include "admin/config_dump_state.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace culvert::admin {

using nlohmann::json;

namespace {

// Appends `text` with `spaces` in front of every line but the first. JSON strings hold no raw
// newline, so text that is indented already can be moved as a block.
void append_indented(std::string& out, std::string_view text, std::size_t spaces) {
  for (;;) {
    const auto newline = text.find('\n');
    out.append(text.substr(0, newline));
    if (newline == std::string_view::npos) return;
    out += '\n';
    out.append(spaces, ' ');
    text.remove_prefix(newline + 1);
  }
}

// What came from outside and is not UTF-8 becomes U+FFFD: dump() would throw.
std::string text_of(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

// Writes the outer object piece by piece; keys must come sorted.
class Document {
 public:
  void key(std::string_view name) {
    out_ += out_.empty() ? "{\n  \"" : ",\n  \"";
    out_.append(name).append("\": ");
  }
  // `text` is JSON already.
  void raw(std::string_view name, std::string_view text) {
    key(name);
    append_indented(out_, text, 2);
  }
  void value(std::string_view name, const json& v) { raw(name, text_of(v)); }
  // A list whose elements `make` turns into JSON one at a time.
  template <class Items, class Make>
  void list(std::string_view name, const Items& items, Make make) {
    key(name);
    out_ += '[';
    bool first = true;
    for (const auto& item : items) {
      out_ += first ? "\n    " : ",\n    ";
      first = false;
      append_indented(out_, text_of(make(item)), 4);
    }
    out_ += first ? "]" : "\n  ]";
  }
  std::string finish() {
    out_ += "\n}\n";
    return std::move(out_);
  }

 private:
  std::string out_;
};

json certificate_text(const tls::CertificateText& text) {
  return {{"pem", base64(text.pem)},
          {"serialNumber", text.serial},
          {"validFrom", text.not_before},
          {"expirationTime", text.not_after}};
}

json certificate(const CertificateEntry& entry) {
  json out = {{"identity", entry.identity},
              {"state", entry.state},
              {"certChain", json::array()},
              {"rootCerts", json::array()}};
  for (const auto& text : entry.chain) out["certChain"].push_back(certificate_text(text));
  for (const auto& text : entry.roots) out["rootCerts"].push_back(certificate_text(text));
  return out;
}

json connections(const std::vector<ConnectionEntry>& entries) {
  json out = json::array();
  for (const auto& entry : entries)
    out.push_back({{"src", entry.src},
                   {"originalDst", entry.original_dst ? json(*entry.original_dst) : json(nullptr)},
                   {"actualDst", entry.actual_dst},
                   {"protocol", entry.protocol}});
  return out;
}

json pods(const std::vector<PodEntry>& entries) {
  json out = json::object();
  for (const auto& pod : entries) {
    json& one = out[pod.uid];
    one = {{"state", pod.up ? "Up" : "Pending"},
           {"info",
            {{"name", pod.name},
             {"namespace", pod.namespace_},
             {"serviceAccount", pod.service_account}}}};
    if (pod.up)
      one["connections"] = {{"inbound", connections(pod.inbound)},
                            {"outbound", connections(pod.outbound)}};
  }
  return out;
}

json local_document(const state::Update* local) {
  json out = {
      {"workloads", json::array()}, {"services", json::array()}, {"policies", json::array()}};
  if (local == nullptr) return out;
  for (const auto& workload : local->workloads) out["workloads"].push_back(to_json(workload));
  for (const auto& service : local->services) out["services"].push_back(to_json(service, {}));
  for (const auto& policy : local->policies) out["policies"].push_back(to_json(policy));
  return out;
}

json build(const BuildInfo& info) {
  return {{"version", info.version},
          {"gitRevision", info.git_revision},
          {"buildProfile", info.build_profile},
          {"buildStatus", info.build_status},
          {"rustVersion", info.compiler},
          {"istioVersion", info.istio_version},
          {"cryptoProvider", info.crypto_provider}};
}

// The mesh as of one moment, sorted.
struct Mesh {
  std::vector<state::WorkloadPtr> workloads;       // by uid
  std::vector<state::PolicyPtr> policies;          // by key
  std::vector<state::View::ServiceDump> services;  // by hostname
  std::vector<state::View::ServiceDump> staged;
};

Mesh copy_mesh(const state::Store* store) {
  Mesh mesh;
  if (store == nullptr) return mesh;
  {
    const auto view = store->view();
    mesh.workloads = view.workloads();
    mesh.policies = view.policies();
    mesh.services = view.services();
  }
  const auto staged = std::partition(mesh.services.begin(), mesh.services.end(),
                                     [](const auto& s) { return s.service != nullptr; });
  mesh.staged.assign(staged, mesh.services.end());
  mesh.services.erase(staged, mesh.services.end());
  std::sort(mesh.workloads.begin(), mesh.workloads.end(),
            [](const auto& a, const auto& b) { return a->uid < b->uid; });
  std::sort(mesh.policies.begin(), mesh.policies.end(),
            [](const auto& a, const auto& b) { return a->resource_name < b->resource_name; });
  std::sort(mesh.services.begin(), mesh.services.end(), [](const auto& a, const auto& b) {
    return a.key.hostname == b.key.hostname ? a.key.namespace_ < b.key.namespace_
                                            : a.key.hostname < b.key.hostname;
  });
  return mesh;
}

json staged_services(const std::vector<state::View::ServiceDump>& staged) {
  json out = json::object();
  for (const auto& service : staged) out[service.key.to_string()] = to_json(service.endpoints);
  return out;
}

}  // namespace

std::string config_dump(const DumpInput& input) {
  const Mesh mesh = copy_mesh(input.store);
  auto certificates = input.certificates;
  std::sort(certificates.begin(), certificates.end(),
            [](const auto& a, const auto& b) { return a.identity < b.identity; });
  Document document;
  document.list("certificates", certificates, certificate);
  document.raw("config", input.config);
  document.list("policies", mesh.policies, [](const auto& policy) { return to_json(*policy); });
  document.list("services", mesh.services,
                [](const auto& service) { return to_json(*service.service, service.endpoints); });
  document.value("stagedServices", staged_services(mesh.staged));
  document.value("staticConfig", local_document(input.local));
  document.value("version", build(input.build));
  if (input.pods) document.value("workloadState", pods(*input.pods));
  document.list("workloads", mesh.workloads,
                [](const auto& workload) { return to_json(*workload); });
  return document.finish();
}

}  // namespace culvert::admin
