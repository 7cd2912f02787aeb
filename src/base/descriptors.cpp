#include "culvert/base/descriptors.hpp"

#include <sys/resource.h>

#include <cerrno>

#include "culvert/base/log.hpp"
#include "culvert/base/result.hpp"

namespace culvert {

namespace {
const log::Target kLog("descriptors");
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur == limit.rlim_max) return;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log::warn(kLog, "cannot raise the limit of open files",
              {log::str("error", fail_errno("setrlimit", errno).detail)});
    return;
  }
  log::info(kLog, "raised the limit of open files",
            {log::num("from", static_cast<std::int64_t>(before)),
             log::num("to", static_cast<std::int64_t>(limit.rlim_max))});
}

}  // namespace culvert
