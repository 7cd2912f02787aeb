// What this build is.
#pragma once

#include <string>

#include "culvert/admin/config_dump.hpp"

namespace culvert::app {

admin::BuildInfo build_info(const std::string& istio_version);
// The line that `culvert version` prints and the log begins with, in the form that tools of the
// reference ztunnel read.
std::string version_line(const admin::BuildInfo& build);

}  // namespace culvert::app
