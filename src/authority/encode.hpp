// Mesh state as the protobuf messages of the xDS types. The inverse of what the daemon's xDS client
// does; encode_*.cpp are the only places here that know the messages.
#pragma once

#include "culvert/state/policy.hpp"
#include "culvert/state/service.hpp"
#include "culvert/state/workload.hpp"

#include <string>

namespace culvert::authority {

// Serialized istio.workload.Address. Equal values give equal bytes, in every process: the resource
// version is their hash.
std::string encode(const state::Workload& workload);
std::string encode(const state::Service& service);
// Serialized istio.security.Authorization; as stable.
std::string encode(const state::Policy& policy);

}  // namespace culvert::authority
