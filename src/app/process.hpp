// What the process asks of the kernel before anything else, and what it must be allowed to do.
#pragma once

#include "culvert/app/options.hpp"
#include "culvert/base/result.hpp"

namespace culvert::app {

// Raises the limit of open descriptors to what is permitted and logs the change.
void raise_descriptor_limit();
// No core dumps, and no reading of our memory by other processes of the same user: it holds keys.
void protect_memory();
// Gives back the resident pages of code and constants that only start-up needed: they are clean, so
// what is used again comes back from the page cache at the price of a minor fault. Call when
// start-up is over. gRPC and its libraries alone leave some 10 MB.
void release_startup_pages();
// Proves that the node proxy can do its work: enter network namespaces and mark sockets. One
// sentence in the error says what to grant.
Result<void> check_privileges(const Options& options);

}  // namespace culvert::app
