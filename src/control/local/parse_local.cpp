#include "control/local/documents.hpp"
#include "control/local/schema.hpp"
#include "culvert/control/local.hpp"

#include <exception>
#include <unordered_map>
#include <unordered_set>

namespace culvert::control {

namespace {

using local::Budget;
using local::NamedEndpoint;
using local::Problem;
using local::Value;

// Refuses a key that another record of the same kind has.
class Unique {
 public:
  void claim(const Value& value, const std::string& key) {
    if (!seen_.insert(key).second) value.bad("given twice: " + key);
  }

 private:
  std::unordered_set<std::string> seen_;
};

// Adds a service's own endpoints to the workloads that they name.
void attach(const std::vector<NamedEndpoint>& endpoints, std::vector<state::Workload>& workloads) {
  if (endpoints.empty()) return;
  std::unordered_map<Name, state::Workload*> by_uid;
  for (state::Workload& workload : workloads) by_uid.emplace(workload.uid, &workload);
  for (const NamedEndpoint& endpoint : endpoints) {
    const auto found = by_uid.find(endpoint.workload_uid);
    if (found == by_uid.end())
      endpoint.where.bad("no workload has the uid " + endpoint.workload_uid.str());
    state::Workload& workload = *found->second;
    if (endpoint.status != workload.status)
      endpoint.where.bad("status differs from the workload's");
    std::erase_if(workload.services, [&](const state::Membership& m) {
      return m.service == endpoint.membership.service;
    });
    workload.services.push_back(endpoint.membership);
  }
}

state::Update read_document(const Value& document) {
  state::Update update;
  document.only({"workloads", "services", "policies"});
  if (const auto list = document.find("workloads")) {
    Unique uids;
    for (const Value& value : list->items()) {
      update.workloads.push_back(local::read_workload(value));
      uids.claim(value, update.workloads.back().uid.str());
    }
  }
  if (const auto list = document.find("services")) {
    Unique keys;
    std::vector<NamedEndpoint> endpoints;
    for (const Value& value : list->items()) {
      update.services.push_back(local::read_service(value));
      const auto key = update.services.back().key();
      keys.claim(value, key.to_string());
      for (auto& endpoint : local::read_endpoints(value, key))
        endpoints.push_back(std::move(endpoint));
    }
    attach(endpoints, update.workloads);
  }
  if (const auto list = document.find_written("policies")) {
    Unique names;
    for (const Value& value : list->restricting_items()) {
      update.policies.push_back(local::read_policy(value));
      names.claim(value, update.policies.back().resource_name.str());
    }
  }
  return update;
}

Error located(std::string_view file_name, int line, const std::string& what) {
  return fail(Errc::invalid, std::string(file_name) + ":" + std::to_string(line) + ": " + what);
}

}  // namespace

Result<state::Update> parse_local(std::string_view yaml, std::string_view file_name) {
  try {
    const std::string text(yaml);
    local::require_one_document(text);
    Budget budget(text.size());
    return read_document(Value(YAML::Load(text), "", budget));
  } catch (const Problem& problem) {
    const std::string field = problem.field.empty() ? "" : problem.field + ": ";
    return located(file_name, problem.line, field + problem.message);
  } catch (const YAML::Exception& error) {
    return located(file_name, error.mark.line + 1, "not YAML: " + error.msg);
  } catch (const std::exception& error) {
    return located(file_name, 1, std::string("not YAML: ") + error.what());
  }
}

}  // namespace culvert::control
