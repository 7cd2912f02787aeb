// The steps behind install_redirection(), open for tests that make one of them fail.
#pragma once

#include "culvert/host/redirection.hpp"
#include "host/policy_routing.hpp"
#include "host/steps.hpp"

#include <vector>

namespace culvert::host {

// To be run by a thread inside the namespace. `routing` must outlive the steps.
std::vector<Step> install_steps(const PolicyRouting& routing, const RedirectOptions& options);

// In the calling thread's namespace.
Result<void> remove_redirection_here();
Result<RedirectState> inspect_redirection_here();

}  // namespace culvert::host
