// Wire messages to state values. A resource with a value that we do not understand is refused as a
// whole, never half-used: dropping a part of a policy could open what it closes.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/state/policy.hpp"
#include "culvert/state/service.hpp"
#include "culvert/state/workload.hpp"

#include <optional>
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
// What may stand in for a policy that to_policy() refuses: of the same name, scope and action, it
// allows nothing or denies everything (docs/decisions/0009-refused-policies.md). Nothing when name,
// scope or action is what cannot be read, or when the policy is not enforced anyway.
std::optional<state::Policy> to_stand_in(std::string_view resource_name,
                                         const istio::security::Authorization& in);

}  // namespace culvert::control
