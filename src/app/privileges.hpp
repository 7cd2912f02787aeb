// What the daemon must be allowed to do, and what its kernel must be able to do.
#pragma once

#include "culvert/app/options.hpp"
#include "culvert/base/result.hpp"

namespace culvert::app {

// Tries what the node proxy will do: enter network namespaces, mark sockets and, where the settings
// require it, connect from foreign addresses. The error is one sentence that names every missing
// capability (Errc::permission) or the missing feature of the kernel (Errc::unsupported).
Result<void> check_privileges(const Options& options);

}  // namespace culvert::app
