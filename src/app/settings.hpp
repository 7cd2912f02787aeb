// From the options of the process to the settings of its parts.
#pragma once

#include "culvert/app/options.hpp"
#include "culvert/control/ca.hpp"
#include "culvert/control/xds.hpp"
#include "culvert/hbone/context.hpp"
#include "culvert/proxy/settings.hpp"
#include "culvert/state/store.hpp"

namespace culvert::app {

proxy::Settings proxy_settings(const Options& options);
hbone::TunnelSettings tunnel_settings(const Options& options);
control::XdsOptions xds_options(const Options& options);
control::CaOptions ca_options(const Options& options);
// Whether the token and the roots that the options name can be read now; an error names the
// setting. What is read at each later attempt may change, but a start with a wrong setting ends at
// once.
Result<void> check_credentials(const Options& options);
state::LocalNode local_node(const Options& options);

}  // namespace culvert::app
