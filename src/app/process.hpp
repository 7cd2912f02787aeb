// What the process asks of the kernel before anything else, and what it must be allowed to do.
#pragma once

#include "culvert/app/options.hpp"
#include "culvert/base/result.hpp"

namespace culvert::app {

// Raises the limit of open descriptors to what is permitted and logs the change.
void raise_descriptor_limit();
// Proves that the node proxy can do its work: enter network namespaces and mark sockets. One
// sentence in the error says what to grant.
Result<void> check_privileges(const Options& options);

}  // namespace culvert::app
