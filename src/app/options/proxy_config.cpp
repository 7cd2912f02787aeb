#include "app/options/proxy_config.hpp"

#include "app/options/values.hpp"

#include <yaml-cpp/yaml.h>

#include <string>

namespace culvert::app {

namespace {

constexpr std::string_view kMetaPrefix = "ISTIO_META_";

// The scalar text of a field; nothing when it is absent or null.
Result<std::optional<std::string>> text_field(const YAML::Node& node, const char* name) {
  const YAML::Node field = node[name];
  if (!field.IsDefined() || field.IsNull()) return std::optional<std::string>();
  if (!field.IsScalar()) return fail(Errc::invalid, std::string(name) + ": must be a single value");
  return std::optional<std::string>(field.Scalar());
}

template <class T>
Result<void> number_field(std::optional<T>& target, const YAML::Node& node, const char* name,
                          std::uint64_t most) {
  const auto text = text_field(node, name);
  if (!text) return text.error();
  if (!*text) return {};
  const auto number = read_number(**text, 0, most);
  if (!number) return number.error().with(std::string(name) + ": " + **text);
  target = static_cast<T>(*number);
  return {};
}

Result<void> metadata_field(std::map<std::string, std::string>& target, const YAML::Node& node) {
  const YAML::Node field = node["proxyMetadata"];
  if (!field.IsDefined() || field.IsNull()) return {};
  if (!field.IsMap()) return fail(Errc::invalid, "proxyMetadata: must be a map");
  for (const auto& entry : field) {
    if (!entry.first.IsScalar() || !(entry.second.IsScalar() || entry.second.IsNull()))
      return fail(Errc::invalid, "proxyMetadata: must map text to text");
    std::string_view key = entry.first.Scalar();
    if (key.starts_with(kMetaPrefix)) key.remove_prefix(kMetaPrefix.size());
    target[std::string(key)] = entry.second.IsNull() ? "" : entry.second.Scalar();
  }
  return {};
}

Result<ProxyConfig> merge(ProxyConfig into, const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return into;
  if (!node.IsMap()) return fail(Errc::invalid, "must be a map");
  const auto address = text_field(node, "discoveryAddress");
  if (!address) return address.error();
  if (*address) into.discovery_address = **address;
  if (const auto r = number_field(into.admin_port, node, "proxyAdminPort", 65535); !r)
    return r.error();
  if (const auto r = number_field(into.stats_port, node, "statsPort", 65535); !r) return r.error();
  if (const auto r = number_field(into.concurrency, node, "concurrency", 4096); !r)
    return r.error();
  if (const auto r = metadata_field(into.metadata, node); !r) return r.error();
  return into;
}

// yaml-cpp throws; nothing of that leaves this file.
template <class F>
Result<ProxyConfig> with_document(std::string_view yaml, F use) {
  try {
    return use(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& problem) {
    return fail(Errc::invalid, problem.what());
  }
}

}  // namespace

Result<ProxyConfig> merge_proxy_config(ProxyConfig into, std::string_view yaml) {
  return with_document(yaml, [&](const YAML::Node& root) { return merge(std::move(into), root); });
}

Result<ProxyConfig> merge_mesh_config(ProxyConfig into, std::string_view yaml) {
  return with_document(yaml, [&](const YAML::Node& root) -> Result<ProxyConfig> {
    if (root.IsNull()) return std::move(into);
    if (!root.IsMap()) return fail(Errc::invalid, "must be a map");
    return merge(std::move(into), root["defaultConfig"]);
  });
}

}  // namespace culvert::app
