// The last step of reading: defaults that depend on other settings.
#pragma once

#include "app/options/draft.hpp"

#include <span>
#include <string_view>

namespace culvert::app {

// Decides all that is still open in `draft`.
Result<Options> complete(Draft draft, unsigned cpus);

// Seconds of the drain deadline for a pod's grace period: a little less, so that we are gone
// before we are killed, and never 0.
std::uint64_t deadline_within(std::uint64_t grace_seconds);

// A setting of the reference whose feature is not there, and what to do about it.
struct Refusal {
  std::string_view setting;  // NAME or NAME=value
  bool (*asked)(const Options& options);
  std::string_view sentence;
};
// All of them: each stops the start.
std::span<const Refusal> refusals();

// Errc::invalid for settings that contradict each other, Errc::unsupported for features that are
// not there: those must never be ignored in silence.
Result<void> validate(const Options& options);

}  // namespace culvert::app
