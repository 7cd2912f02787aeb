#include "culvert/metrics/catalog.hpp"

#include "culvert/base/log.hpp"
#include "metrics/process.hpp"

namespace culvert::metrics {

namespace {

FamilySpec spec(std::string_view name, std::string_view help,
                std::vector<std::string> label_names = {}, std::string_view unit = {}) {
  FamilySpec made;
  made.name = name;
  made.help = help;
  made.label_names = std::move(label_names);
  made.unit = unit;
  return made;
}

// Both samples of a family with the label `reporter`, so that the family is there from the start.
template <class Value>
std::array<Value*, kReporters> by_reporter(Family<Value>& family) {
  return {&family.with({to_string(Reporter::source)}),
          &family.with({to_string(Reporter::destination)})};
}

}  // namespace

Catalog::Catalog(std::string_view version)
    : sockets_open_(by_reporter(registry_.gauge(
          spec("istio_tcp_sockets_open", "The current number of open TCP sockets (unstable).",
               {"reporter"})))),
      crl_rejections_(by_reporter(registry_.counter(
          spec("istio_crl_policy_rejections",
               "The total number of connections rejected due to CRL certificate revocation "
               "(unstable).",
               {"reporter"})))),
      crl_untracked_(by_reporter(registry_.counter(
          spec("istio_crl_untracked_connections",
               "The total number of connections not tracked for CRL enforcement (unstable).",
               {"reporter"})))),
      xds_terminations_(registry_.counter(
          spec("istio_xds_connection_terminations",
               "The total number of completed connections to xds server (unstable).", {"reason"}))),
      xds_messages_(registry_.counter(
          spec("istio_xds_message", "Total number of messages received (unstable).", {"url"}))),
      xds_message_bytes_(
          registry_.counter(spec("istio_xds_message_bytes",
                                 "Total number of bytes received (unstable).", {"url"}, "bytes"))),
      active_proxies_(
          registry_
              .gauge(spec("workload_manager_active_proxy_count",
                          "The total number current workloads with active proxies (unstable)."))
              .with({})),
      pending_proxies_(
          registry_
              .gauge(spec("workload_manager_pending_proxy_count",
                          "The total number current workloads with pending proxies (unstable)."))
              .with({})),
      proxies_started_(registry_
                           .counter(spec("workload_manager_proxies_started",
                                         "The total number of proxies that were started "
                                         "(unstable)."))
                           .with({})),
      proxies_stopped_(registry_
                           .counter(spec("workload_manager_proxies_stopped",
                                         "The total number of proxies that were stopped "
                                         "(unstable)."))
                           .with({})) {
  registry_.gauge(spec("istio_build", "Istio component build info.", {"component", "tag"}))
      .with({"ztunnel", version})
      .set(1);
  register_process_metrics(registry_);
}

std::string Catalog::render(Exposition exposition) const {
  std::string out;
  append_traffic(out, traffic_, exposition);
  registry_.for_each([&](const FamilySpec& family, std::span<const Sample> samples) {
    append_family(out, family, samples, exposition);
  });
  out += "# EOF\n";
  return out;
}

}  // namespace culvert::metrics
