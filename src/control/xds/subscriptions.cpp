#include "control/xds/subscriptions.hpp"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace culvert::control {
namespace {

namespace discovery = envoy::service::discovery::v3;

// google.rpc.Code.INVALID_ARGUMENT
constexpr int kInvalidArgument = 3;
// A response may be wrong a hundred thousand times over; the server needs examples.
constexpr std::size_t kMaxReported = 20;

std::string summary(const std::vector<std::string>& rejected) {
  std::string out;
  for (std::size_t i = 0; i < std::min(rejected.size(), kMaxReported); ++i) {
    if (i > 0) out += "; ";
    out += rejected[i];
  }
  if (rejected.size() > kMaxReported)
    out += "; and " + std::to_string(rejected.size() - kMaxReported) + " more";
  return out;
}

Result<discovery::Node> to_node(const XdsNode& in) {
  discovery::Node node;
  node.set_id("ztunnel~" + in.ip + "~" + in.pod_name + "." + in.pod_namespace + "~" +
              in.pod_namespace + ".svc.cluster.local");
  auto& fields = *node.mutable_metadata()->mutable_fields();
  fields["NAME"].set_string_value(in.pod_name);
  fields["NAMESPACE"].set_string_value(in.pod_namespace);
  fields["INSTANCE_IPS"].set_string_value(in.ip);
  fields["NODE_NAME"].set_string_value(in.node_name);
  for (const auto& [key, value] : in.metadata) fields[key].set_string_value(value);
  for (const auto& [key, json] : in.json_metadata) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(json, &fields[key]);
    if (!parsed.ok())
      return fail(Errc::invalid, "ISTIO_METAJSON_" + key + " is no JSON: " + parsed.ToString());
  }
  return node;
}

}  // namespace

Result<XdsSubscriptions> XdsSubscriptions::make(const XdsNode& node) {
  auto converted = to_node(node);
  if (!converted) return converted.error();
  return XdsSubscriptions(std::move(*converted));
}

XdsSubscriptions::Type* XdsSubscriptions::find(std::string_view url) {
  const auto type =
      std::find_if(types_.begin(), types_.end(), [&](const Type& t) { return t.url == url; });
  return type == types_.end() ? nullptr : &*type;
}

std::vector<XdsSubscriptions::Request> XdsSubscriptions::initial() {
  std::vector<Request> out;
  for (auto& type : types_) {
    auto& request = out.emplace_back();
    *request.mutable_node() = node_;
    request.set_type_url(std::string(type.url));
    auto& versions = *request.mutable_initial_resource_versions();
    if (!type.unnamed)
      for (const auto& [name, version] : type.versions) versions[name.str()] = version;
    const auto size = request.ByteSizeLong();
    if (size > kMaxRequest) versions.clear();
    type.large = size > kLarge && !versions.empty();
    type.whole = versions.empty() && !type.versions.empty();
    type.opened = true;
  }
  return out;
}

void XdsSubscriptions::on_too_large() {
  for (auto& type : types_) type.unnamed = type.unnamed || type.large;
}

void XdsSubscriptions::complete(XdsResponse& response) {
  auto* type = find(response.type_url);
  if (type == nullptr) return;
  type->large = false;
  type->unnamed = false;
  if (std::exchange(type->whole, false)) remove_unmentioned(*type, response);
  stand_in(*type, response);
}

void XdsSubscriptions::remove_unmentioned(const Type& type, XdsResponse& response) {
  std::unordered_set<Name> mentioned(response.refused.begin(), response.refused.end());
  for (const auto& [name, version] : response.accepted) mentioned.insert(name);
  mentioned.insert(response.removed.begin(), response.removed.end());
  auto& removed = type.url == kAddressType ? response.update.removed_addresses
                                           : response.update.removed_policies;
  for (const auto& [name, version] : type.versions) {
    if (mentioned.contains(name)) continue;
    response.removed.push_back(name);
    removed.push_back(name.str());
  }
}

void XdsSubscriptions::stand_in(const Type& type, XdsResponse& response) {
  if (response.stand_ins.empty()) return;
  std::unordered_set<Name> taken;
  for (const auto& [name, version] : response.accepted) taken.insert(name);
  const std::unordered_set<Name> removed(response.removed.begin(), response.removed.end());
  std::erase_if(response.stand_ins, [&](const state::Policy& policy) {
    const auto& name = policy.resource_name;
    const bool earlier = type.versions.contains(name) && !type.stand_ins.contains(name);
    return taken.contains(name) || (earlier && !removed.contains(name));
  });
  response.update.policies.insert(response.update.policies.end(), response.stand_ins.begin(),
                                  response.stand_ins.end());
}

// Insertion beats removal of the same name, as in the state. A stand-in is held without a version:
// named at the next stream, the server sends what it stands for again, or says that it is gone.
void XdsSubscriptions::record(Type& type, const XdsResponse& response) {
  if (std::exchange(type.opened, false)) type.missing.clear();
  for (const auto& name : response.removed) {
    type.missing.erase(name);
    type.versions.erase(name);
    type.stand_ins.erase(name);
  }
  for (const auto& [name, version] : response.accepted) {
    type.versions[name] = version;
    type.stand_ins.erase(name);
  }
  for (const auto& policy : response.stand_ins) {
    type.versions[policy.resource_name].clear();
    type.stand_ins.insert(policy.resource_name);
  }
  for (const auto& name : response.refused) type.missing.insert(name);
  std::erase_if(type.missing, [&](const Name& name) { return type.versions.contains(name); });
  type.synced = type.synced || type.missing.empty();
}

XdsSubscriptions::Request XdsSubscriptions::answer(const XdsResponse& response) {
  Request out;
  out.set_type_url(response.type_url);
  out.set_response_nonce(response.nonce);
  if (auto* type = find(response.type_url)) record(*type, response);
  if (!response.rejected.empty()) {
    out.mutable_error_detail()->set_code(kInvalidArgument);
    out.mutable_error_detail()->set_message(summary(response.rejected));
  }
  return out;
}

}  // namespace culvert::control
