// The mesh described by one YAML file: for hosts without a control plane, and what `culvertctl
// control` serves.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/state/store.hpp"

#include <string_view>

namespace culvert::control {

// Reads the document (top level: workloads, services, policies). `file_name` appears in errors,
// which are Errc::invalid and name file, line and field:
// "mesh.yaml:12: workloads[0].workloadIps[1]: not an IP address: 10.1.0.x". Unknown fields and
// duplicate keys (uid, namespace/hostname, namespace/name) are errors, and so are a text without
// content (an empty mesh is written {}), a second document, and a policy with a list that is begun
// and left empty: each may be a file that somebody is still writing. Nothing is defaulted beyond
// what the schema says: an empty trust domain stays empty. Pure; any thread; never throws.
Result<state::Update> parse_local(std::string_view yaml, std::string_view file_name);

}  // namespace culvert::control
