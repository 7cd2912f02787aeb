// "namespace/name/service-account" as people write it.
#pragma once

#include "culvert/base/result.hpp"

#include <string>
#include <string_view>

namespace culvert::cli {

struct WorkloadName {
  std::string namespace_;
  std::string name;
  std::string service_account;
};

// Three parts, none empty; Errc::invalid otherwise.
Result<WorkloadName> parse_workload(std::string_view text);

}  // namespace culvert::cli
