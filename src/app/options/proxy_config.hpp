// Istio's ProxyConfig, from the mesh configuration file and from PROXY_CONFIG. Lenient: unknown
// fields do not matter, and none is required.
#pragma once

#include "app/options/draft.hpp"

#include <string_view>

namespace culvert::app {

// Reads the fields of ProxyConfig in `yaml` over `into`. Errc::invalid names the field.
Result<ProxyConfig> merge_proxy_config(ProxyConfig into, std::string_view yaml);

// The same for a mesh configuration, of which only `defaultConfig` counts.
Result<ProxyConfig> merge_mesh_config(ProxyConfig into, std::string_view yaml);

}  // namespace culvert::app
