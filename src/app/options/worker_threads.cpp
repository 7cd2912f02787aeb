#include "app/options/worker_threads.hpp"

#include "app/options/values.hpp"

#include <algorithm>
#include <cmath>

namespace culvert::app {

namespace {

// More threads than any machine has cores is a mistyped number.
constexpr unsigned kMostThreads = 4096;

Result<unsigned> read_threads(std::string_view text, unsigned cores) {
  const auto bad = [&] {
    return fail(Errc::invalid, "ZTUNNEL_WORKER_THREADS=" + std::string(text) +
                                   ": must be a number (0 for all cores) or a percentage of the "
                                   "cores above 0% and up to 100%");
  };
  if (text.ends_with('%')) {
    double percent = 0;
    const auto* end = text.data() + text.size() - 1;
    const auto [stop, ec] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
    if (ec != std::errc() || stop != end || !(percent > 0) || percent > 100) return bad();
    return std::max(1U, static_cast<unsigned>(std::ceil(cores * percent / 100)));
  }
  const auto count = read_number(text, 0, kMostThreads);
  if (!count) return bad();
  return *count == 0 ? cores : static_cast<unsigned>(*count);
}

}  // namespace

Result<unsigned> worker_threads(const Draft& draft, unsigned cpus) {
  const auto cores =
      std::max(1U, draft.resource_cpu_limit.value_or(draft.cpu_limit.value_or(cpus)));
  if (draft.worker_threads) return read_threads(*draft.worker_threads, cores);
  if (draft.proxy_config.concurrency)
    return *draft.proxy_config.concurrency == 0 ? cores : *draft.proxy_config.concurrency;
  const auto request = draft.resource_cpu_request.value_or(0);
  if (draft.resource_cpu_limit) return std::max({*draft.resource_cpu_limit, request, 1U});
  // On one or two cores a second data thread only takes turns with the first, and with the
  // applications: it costs a quarter more CPU a new connection and 8 % more a request
  // (docs/decisions/0004-worker-threads.md).
  const auto fewest = cores > 2 ? 2U : 1U;
  return std::max({(cores + 3) / 4, request, fewest});
}

}  // namespace culvert::app
