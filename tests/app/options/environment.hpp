// An environment made of what a test names, and nothing of this machine.
#pragma once

#include "culvert/app/options.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace culvert::app::test {

inline Environment environment(std::map<std::string, std::string> variables,
                               std::map<std::string, std::string> files = {}) {
  Environment made;
  made.variables = std::move(variables);
  made.cpus = 8;
  made.read_file =
      [files = std::move(files)](const std::string& path) -> Result<std::optional<std::string>> {
    const auto found = files.find(path);
    if (found == files.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  };
  return made;
}

inline Result<Options> parse(std::map<std::string, std::string> variables,
                             std::map<std::string, std::string> files = {}) {
  const std::vector<std::string> arguments = {"proxy", "ztunnel"};
  return parse_options(environment(std::move(variables), std::move(files)), arguments);
}

}  // namespace culvert::app::test
