#include "host/steps.hpp"

namespace culvert::host {
namespace {

Error undo_all(const std::vector<const Step*>& changed, Error failure) {
  for (auto it = changed.rbegin(); it != changed.rend(); ++it) {
    if (!(*it)->undo) continue;
    const auto undone = (*it)->undo();
    if (!undone)
      failure.detail += "; undoing \"" + (*it)->name + "\" failed too: " + undone.error().detail;
  }
  return failure;
}

}  // namespace

Result<void> run_steps(const std::vector<Step>& steps) {
  std::vector<const Step*> changed;
  for (const auto& step : steps) {
    const auto applied = step.apply();
    if (!applied) return undo_all(changed, applied.error());
    if (*applied) changed.push_back(&step);
  }
  return {};
}

}  // namespace culvert::host
