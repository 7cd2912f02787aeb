#include "app/options/defaults.hpp"
#include "app/options/proxy_config.hpp"
#include "app/options/settings.hpp"
#include "culvert/app/options.hpp"

#include <filesystem>
#include <utility>

namespace culvert::app {

namespace {

// Relative on purpose: in a container the working directory is "/", in a test it is not.
constexpr const char* kMeshConfigPath = "./etc/istio/config/mesh";

// "NAME=value" for messages; long and secret values are not shown.
std::string shown(std::string_view name, std::string_view value, bool secret) {
  constexpr std::size_t kMost = 64;
  if (secret) return std::string(name);
  std::string out(name);
  out.append("=").append(value.substr(0, kMost));
  if (value.size() > kMost) out += "...";
  return out;
}

Result<void> read_setting(Draft& draft, const Setting& setting, const std::string& name,
                          const std::string& value, std::string_view suffix) {
  if (setting.set == nullptr) return {};
  const auto done = setting.set(draft, value, suffix);
  if (!done) return done.error().with(shown(name, value, setting.secret));
  return {};
}

// A family such as XDS_HEADER_*: every variable that starts with its prefix.
Result<void> read_family(Draft& draft, const Setting& setting, const Environment& environment) {
  const auto prefix = setting.help.name.substr(0, setting.help.name.size() - 1);
  for (auto it = environment.variables.lower_bound(std::string(prefix));
       it != environment.variables.end() && it->first.starts_with(prefix); ++it) {
    const auto suffix = std::string_view(it->first).substr(prefix.size());
    if (suffix.empty()) continue;
    if (const auto r = read_setting(draft, setting, it->first, it->second, suffix); !r) return r;
  }
  return {};
}

Result<void> read_settings(Draft& draft, const Environment& environment) {
  for (const auto settings : {control_settings(), data_settings(), process_settings()}) {
    for (const Setting& setting : settings) {
      if (setting.help.name.ends_with('*')) {
        if (const auto r = read_family(draft, setting, environment); !r) return r;
        continue;
      }
      const auto found = environment.variables.find(std::string(setting.help.name));
      if (found == environment.variables.end()) continue;
      if (const auto r = read_setting(draft, setting, found->first, found->second, {}); !r)
        return r;
    }
  }
  return {};
}

Result<ProxyConfig> read_proxy_config(const Environment& environment) {
  ProxyConfig config;
  const auto mesh = environment.read_file(kMeshConfigPath);
  if (!mesh) return mesh.error();
  if (*mesh) {
    auto merged = merge_mesh_config(std::move(config), **mesh);
    if (!merged) return merged.error().with(kMeshConfigPath);
    config = std::move(*merged);
  }
  const auto own = environment.variables.find("PROXY_CONFIG");
  if (own == environment.variables.end()) return config;
  auto merged = merge_proxy_config(std::move(config), own->second);
  if (!merged) return merged.error().with("PROXY_CONFIG");
  return merged;
}

bool can_be_seen(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool looks_like_a_path(const std::optional<std::string>& token) {
  return token && (token->starts_with('/') || token->starts_with('.'));
}

}  // namespace

Result<Options> parse_options(const Environment& environment,
                              std::span<const std::string> arguments) {
  Draft draft;
  auto config = read_proxy_config(environment);
  if (!config) return config.error();
  draft.proxy_config = std::move(*config);
  if (const auto read = read_settings(draft, environment); !read) return read.error();
  auto options = complete(std::move(draft), environment.cpus);
  if (!options) return options.error();
  for (const auto& argument : arguments) {
    if (!options->arguments.empty()) options->arguments += ' ';
    options->arguments += argument;
  }
  if (const auto valid = validate(*options); !valid) return valid.error();
  return options;
}

std::vector<std::string> warnings(const Options& options) {
  std::vector<std::string> lines;
  if (options.xds_address.empty() && options.local_xds.empty() && options.local_xds_path.empty())
    lines.emplace_back(
        "XDS_ADDRESS is empty and no local document is given: no workload and no policy is known, "
        "so all traffic passes as it is");
  if (looks_like_a_path(options.auth_token) && !can_be_seen(*options.auth_token))
    lines.emplace_back(
        "AUTH_TOKEN looks like a path, but no such file can be seen: it is sent as the token "
        "itself");
  if (options.sockets.user_timeout && !options.sockets.keepalive)
    lines.emplace_back("USER_TIMEOUT_ENABLED has no effect with KEEPALIVE_ENABLED=false");
  return lines;
}

std::optional<WorkloadRef> Options::own_workload() const {
  if (pod_namespace.empty() || pod_name.empty() || service_account.empty()) return std::nullopt;
  return WorkloadRef{pod_namespace, pod_name, service_account};
}

std::optional<Identity> Options::own_identity() const {
  const auto own = own_workload();
  if (!own) return std::nullopt;
  return Identity{Name(trust_domain), Name(own->namespace_), Name(own->service_account)};
}

}  // namespace culvert::app
