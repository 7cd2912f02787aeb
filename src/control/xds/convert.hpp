// Wire messages to state values. A resource with a value that we do not understand is refused as a
// whole, never half-used: dropping a part of a policy could open what it closes.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/state/policy.hpp"
#include "culvert/state/service.hpp"
#include "culvert/state/workload.hpp"

#include <string_view>

namespace istio::workload {
class GatewayAddress;
class Service;
class Workload;
}  // namespace istio::workload
namespace istio::security {
class Authorization;
}

namespace culvert::control {

// All: Errc::invalid, the detail names the field. Pure; any thread.

// Fills in the control plane's defaults (trust domain, service account, cluster, capacity).
Result<state::Workload> to_workload(const istio::workload::Workload& in);
Result<state::Service> to_service(const istio::workload::Service& in);
// `resource_name` becomes the policy's key.
Result<state::Policy> to_policy(std::string_view resource_name,
                                const istio::security::Authorization& in);

}  // namespace culvert::control
