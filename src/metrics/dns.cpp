#include "culvert/metrics/dns.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace culvert::metrics {

namespace {

struct QueryType {
  std::uint16_t number;
  std::string_view word;
};

// https://www.iana.org/assignments/dns-parameters: those in use. Sorted by number.
constexpr QueryType kTypes[] = {
    {1, "a"},        {2, "ns"},          {5, "cname"},  {6, "soa"},     {10, "null"},
    {12, "ptr"},     {13, "hinfo"},      {15, "mx"},    {16, "txt"},    {24, "sig"},
    {25, "key"},     {28, "aaaa"},       {33, "srv"},   {35, "naptr"},  {37, "cert"},
    {43, "ds"},      {44, "sshfp"},      {46, "rrsig"}, {47, "nsec"},   {48, "dnskey"},
    {50, "nsec3"},   {51, "nsec3param"}, {52, "tlsa"},  {53, "smimea"}, {59, "cds"},
    {60, "cdnskey"}, {61, "openpgpkey"}, {62, "csync"}, {64, "svcb"},   {65, "https"},
    {251, "ixfr"},   {252, "axfr"},      {255, "any"},  {257, "caa"},
};

std::string_view known(const Name& name) {
  return name.empty() ? std::string_view("unknown") : name.view();
}

FamilySpec spec(std::string_view name, std::string_view help, std::string_view unit = {}) {
  FamilySpec made;
  made.name = name;
  made.help = help;
  made.label_names = {"request_query_type", "request_protocol", "source_canonical_service",
                      "source_canonical_revision"};
  made.unit = unit;
  return made;
}

FamilySpec on_demand_spec() {
  FamilySpec made;
  made.name = "istio_on_demand_dns";
  made.help = "The total number of requests that used on-demand DNS (unstable).";
  made.label_names = {"source_workload",
                      "source_canonical_service",
                      "source_canonical_revision",
                      "source_workload_namespace",
                      "source_principal",
                      "source_app",
                      "source_version",
                      "source_cluster",
                      "hostname"};
  return made;
}

template <class Value>
Value& series(Family<Value>& family, const DnsLabels& labels) {
  return family.with({query_type_word(labels.type), labels.tcp ? "tcp" : "udp",
                      known(labels.canonical_service), known(labels.canonical_revision)});
}

}  // namespace

std::string_view query_type_word(std::uint16_t type) {
  const auto* found = std::ranges::lower_bound(kTypes, type, {}, &QueryType::number);
  return found != std::end(kTypes) && found->number == type ? found->word : "unknown";
}

DnsMetrics::DnsMetrics(Registry& registry)
    : requests_(
          registry.counter(spec("istio_dns_requests", "Total number of DNS requests (unstable)."))),
      upstream_requests_(
          registry.counter(spec("istio_dns_upstream_requests",
                                "Total number of DNS requests forwarded to upstream (unstable)."))),
      upstream_failures_(registry.counter(
          spec("istio_dns_upstream_failures",
               "Total number of DNS requests that failed to forward upstream (unstable)."))),
      upstream_duration_(registry.histogram(
          spec("istio_dns_upstream_request_duration_seconds",
               "Total time in seconds Istio takes to get DNS response from upstream (unstable).",
               "seconds"))),
      on_demand_(registry.counter(on_demand_spec())) {}

void DnsMetrics::on_demand(const PeerLabels& source, std::string_view hostname) {
  on_demand_
      .with({known(source.workload), known(source.canonical_service),
             known(source.canonical_revision), known(source.namespace_), known(source.principal),
             known(source.app), known(source.version), known(source.cluster), hostname})
      .add();
}

Counter& DnsMetrics::requests(const DnsLabels& labels) { return series(requests_, labels); }

Counter& DnsMetrics::upstream_requests(const DnsLabels& labels) {
  return series(upstream_requests_, labels);
}

Counter& DnsMetrics::upstream_failures(const DnsLabels& labels) {
  return series(upstream_failures_, labels);
}

Histogram& DnsMetrics::upstream_duration(const DnsLabels& labels) {
  return series(upstream_duration_, labels);
}

}  // namespace culvert::metrics
