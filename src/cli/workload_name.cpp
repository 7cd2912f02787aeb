#include "cli/workload_name.hpp"

namespace culvert::cli {

Result<WorkloadName> parse_workload(std::string_view text) {
  const auto first = text.find('/');
  const auto second = first == std::string_view::npos ? first : text.find('/', first + 1);
  const auto bad = [&] {
    return fail(Errc::invalid,
                "--workload " + std::string(text) + " is not NAMESPACE/NAME/SERVICE-ACCOUNT");
  };
  if (second == std::string_view::npos) return bad();
  WorkloadName name{std::string(text.substr(0, first)),
                    std::string(text.substr(first + 1, second - first - 1)),
                    std::string(text.substr(second + 1))};
  if (name.namespace_.empty() || name.name.empty() || name.service_account.empty() ||
      name.service_account.find('/') != std::string::npos)
    return bad();
  return name;
}

}  // namespace culvert::cli
