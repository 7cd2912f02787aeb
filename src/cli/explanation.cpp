#include "cli/explanation.hpp"

#include "culvert/control/local.hpp"
#include "culvert/state/authorize.hpp"
#include "culvert/state/route.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace culvert::cli {
namespace {

using Json = nlohmann::json;
using state::OutboundDecision;

std::string text(const Json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// The dump's records are those of a mesh file, but for one thing: what a workload offers is said
// there by its services' endpoints.
Result<state::Update> read_mesh(const Json& dump) {
  Json mesh = Json::object();
  for (const auto* key : {"workloads", "services", "policies"}) {
    if (!dump.is_object() || !dump.contains(key) || !dump[key].is_array())
      return fail(Errc::invalid, std::string("the config dump has no ") + key);
    mesh[key] = dump[key];
  }
  for (auto& workload : mesh["workloads"])
    if (workload.is_object()) workload["services"] = Json::object();
  return control::parse_local(mesh.dump(), "the config dump");
}

bool is_called(const state::Workload& workload, const std::string& name) {
  const auto ip = IpAddress::parse(name);
  if (!ip) return workload.namespace_.str() + "/" + workload.name.str() == name;
  return std::find(workload.addresses.begin(), workload.addresses.end(), *ip) !=
         workload.addresses.end();
}

Result<state::WorkloadPtr> find_source(const state::View& view, const std::string& name) {
  state::WorkloadPtr found;
  for (const auto& workload : view.workloads()) {
    if (!is_called(*workload, name)) continue;
    if (found) return fail(Errc::not_found, "more than one workload is " + name);
    found = workload;
  }
  if (found) return found;
  return fail(Errc::not_found, "the daemon knows no workload " + name +
                                   ": `culvertctl workloads` shows NAMESPACE/NAME and addresses");
}

std::string choice(const state::View& view, const OutboundDecision& decision) {
  const auto* endpoints = decision.service ? view.endpoints(decision.service->key()) : nullptr;
  if (endpoints == nullptr || decision.kind == OutboundDecision::Kind::refuse) return {};
  const auto usable =
      std::count_if(endpoints->all().begin(), endpoints->all().end(),
                    [&](const auto& endpoint) { return endpoints->weight(endpoint) != 0; });
  if (usable < 2) return {};
  return "one of " + std::to_string(usable) + " endpoints, chosen anew each time\n";
}

// What the destination's policies say. They are enforced where it runs, if it is in the mesh there.
std::string verdict(const state::View& view, const OutboundDecision& decision,
                    const state::Workload& source) {
  using Kind = OutboundDecision::Kind;
  if (decision.reason != state::Reason::direct || decision.destination == nullptr) return {};
  if (decision.kind == Kind::resolve) return {};  // policies may ask for the address
  const bool tunnelled = decision.kind == Kind::hbone;
  state::ConnectionFacts facts;
  facts.destination = decision.target;
  if (tunnelled) facts.identity = source.identity();
  for (const auto& ip : source.addresses)
    if (ip.is_v4() == decision.target.ip.is_v4()) facts.source = {ip, 0};
  const auto answer = state::authorize(view, *decision.destination, facts);
  std::string line = answer.allowed ? "inbound: allowed" : "inbound: refused";
  line +=
      tunnelled ? ", as " + source.identity().uri() : ", without an identity, if it is enrolled";
  return line + ": " + answer.reason() + "\n";
}

}  // namespace

Result<std::string> explain(const Json& dump, const std::string& source,
                            const SocketAddress& destination) {
  auto mesh = read_mesh(dump);
  if (!mesh) return mesh.error();
  const auto& config = dump.contains("config") ? dump["config"] : Json();
  state::Store store({Name(text(config, "localNode")), Name(text(config, "network")),
                      Name(text(config, "clusterId"))});
  store.apply(std::move(*mesh));
  const auto view = store.view();
  const auto workload = find_source(view, source);
  if (!workload) return workload.error();
  const state::InternalPorts ports;
  Random random;
  const auto decision = state::decide_outbound(view, {*workload, destination, &ports}, random);
  return "outbound: " + decision.explain() + "\n" + choice(view, decision) +
         verdict(view, decision, **workload);
}

}  // namespace culvert::cli
