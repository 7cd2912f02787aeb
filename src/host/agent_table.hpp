// The agent's table on disk: one JSON file, replaced atomically, in a directory one agent owns.
#pragma once

#include "culvert/base/unique_fd.hpp"
#include "culvert/host/agent.hpp"

#include <string>
#include <vector>

namespace culvert::host {

class AgentTable {
 public:
  // Makes the directory (0700) and locks it. Errc::invalid when another agent holds it.
  static Result<AgentTable> open(const std::string& directory);

  // An absent file is an empty table; a damaged one is an error that names it, never ignored.
  Result<std::vector<Enrolment>> load() const;
  // Durable when it returns.
  Result<void> save(const std::vector<Enrolment>& table) const;

 private:
  std::string directory_;
  UniqueFd lock_;
};

}  // namespace culvert::host
