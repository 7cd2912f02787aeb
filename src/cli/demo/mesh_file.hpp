// The demo's mesh as the one YAML file that `culvertctl control` watches.
#pragma once

#include "cli/demo/topology.hpp"
#include "culvert/base/result.hpp"

#include <string>

namespace culvert::cli::demo {

// What changes while the demo goes on.
struct MeshState {
  bool client_in_mesh = false;
  bool server_in_mesh = false;
  bool deny = false;  // a policy that denies the client access to the server
};

// The virtual address of the demo's service, port 80.
IpAddress service_address();
std::string service_name();

std::string mesh_yaml(const Topology& topology, const MeshState& state);
// The part of it that denies, for showing.
std::string deny_policy();

// Replaces `path` in one step.
Result<void> replace_file(const std::string& path, const std::string& text);
// Makes `path`, which only its owner may read. Errc::io, or what the system says.
Result<void> write_secret(const std::string& path, const std::string& text);

}  // namespace culvert::cli::demo
