// All or nothing: a sequence of changes that is taken back when one of them fails.
#pragma once

#include "culvert/base/result.hpp"

#include <functional>
#include <string>
#include <vector>

namespace culvert::host {

struct Step {
  std::string name;                     // for the error: "add the routing rule"
  std::function<Result<bool>()> apply;  // true: something was changed
  std::function<Result<void>()> undo;   // called only if apply() changed something; may be empty
};

// Applies in order. On a failure undoes what was changed, in reverse order, and returns that
// failure (with a note about every undo that failed as well).
Result<void> run_steps(const std::vector<Step>& steps);

}  // namespace culvert::host
