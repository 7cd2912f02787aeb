// A daemon's config dump as tables for people. Pure functions over the JSON document; what is
// missing in it is shown as "-".
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace culvert::cli {

std::string view_status(const nlohmann::json& dump);
std::string view_workloads(const nlohmann::json& dump);
std::string view_services(const nlohmann::json& dump);
std::string view_policies(const nlohmann::json& dump);
std::string view_certificates(const nlohmann::json& dump);
std::string view_connections(const nlohmann::json& dump);

}  // namespace culvert::cli
