#include "app/options/settings.hpp"
#include "app/options/values.hpp"

namespace culvert::app {

namespace {

// Longer than any node lives, and far from overflow.
constexpr std::uint64_t kMostGraceSeconds = 365ULL * 86400;

Result<bool> read_format(std::string_view text) {
  if (text == "json") return true;
  if (text == "plain") return false;
  return fail(Errc::invalid, "must be plain or json");
}

const Setting kSettings[] = {
    {{"ZTUNNEL_WORKER_THREADS", "number|N%",
      "the container's limit, else a quarter of the cores, at least 2; 1 on up to 2 cores",
      "data threads; 0: all cores"},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.worker_threads = v;
       return {};
     }},
    {{"ZTUNNEL_CPU_LIMIT", "CPUs", "", "how many cores there are"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.cpu_limit, read_cpus(v));
     }},
    {{"ZTUNNEL_RESOURCE_CPU_LIMIT", "CPUs", "", "the container's CPU limit"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.resource_cpu_limit, read_cpus(v));
     }},
    {{"ZTUNNEL_RESOURCE_CPU_REQUEST", "CPUs", "", "the container's CPU request"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.resource_cpu_request, read_cpus(v));
     }},
    {{"CONNECTION_TERMINATION_DEADLINE", "duration", "5s",
      "how long connections may go on when the process ends"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.termination_deadline, parse_duration(v));
     }},
    {{"TERMINATION_GRACE_PERIOD_SECONDS", "number", "",
      "the pod's grace period; the deadline is a little less"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.grace_seconds, read_number(v, 0, kMostGraceSeconds));
     }},
    {{"RUST_LOG", "filter", "info", "log filter: level, target=level, ..."},
     [](Draft& d, std::string_view v, std::string_view) -> Result<void> {
       d.options.log_filter = v.empty() ? "info" : v;
       return {};
     }},
    {{"LOG_FORMAT", "plain|json", "plain", "shape of log lines"},
     [](Draft& d, std::string_view v, std::string_view) {
       return assign(d.options.log_json, read_format(v));
     }},
};

}  // namespace

std::span<const Setting> process_settings() { return kSettings; }

}  // namespace culvert::app
