// One record of the mesh as the JSON that istioctl reads.
#pragma once

#include "culvert/state/store.hpp"

#include <nlohmann/json.hpp>

#include <span>

namespace culvert::admin {

nlohmann::json to_json(const state::Workload& workload);
nlohmann::json to_json(const state::Service& service, std::span<const state::Endpoint> endpoints);
nlohmann::json to_json(const state::Policy& policy);
// Map of workload uid to endpoint.
nlohmann::json to_json(std::span<const state::Endpoint> endpoints);

}  // namespace culvert::admin
