#include "culvert/metrics/openmetrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace culvert::metrics {

namespace {

struct Head {
  std::string_view name;
  std::string_view help;
  std::string_view type;
  std::string_view unit;
};

void append_head(std::string& out, const Head& head, Exposition exposition) {
  const bool open_metrics = exposition == Exposition::open_metrics;
  const auto suffix = !open_metrics && head.type == "counter" ? "_total" : "";
  out.append("# HELP ").append(head.name).append(suffix).append(" ").append(head.help);
  out.append("\n# TYPE ").append(head.name).append(suffix).append(" ").append(head.type);
  if (open_metrics && !head.unit.empty())
    out.append("\n# UNIT ").append(head.name).append(" ").append(head.unit);
  out += '\n';
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (out.back() != '{') out += ',';
  out.append(name).append("=\"");
  append_label_value(out, value);
  out += '"';
}

// A label of a traffic family, where "not known" has a word of its own.
void append_known(std::string& out, std::string_view name, const Name& value) {
  append_label(out, name, value.empty() ? std::string_view("unknown") : value.view());
}

void append_traffic_labels(std::string& out, const TrafficLabels& labels, ResponseFlag flag) {
  const PeerLabels& from = labels.source;
  const PeerLabels& to = labels.destination;
  append_label(out, "reporter", to_string(labels.reporter));
  append_known(out, "source_workload", from.workload);
  append_known(out, "source_canonical_service", from.canonical_service);
  append_known(out, "source_canonical_revision", from.canonical_revision);
  append_known(out, "source_workload_namespace", from.namespace_);
  append_known(out, "source_principal", from.principal);
  append_known(out, "source_app", from.app);
  append_known(out, "source_version", from.version);
  append_known(out, "source_cluster", from.cluster);
  append_known(out, "destination_service", labels.destination_service);
  append_known(out, "destination_service_namespace", labels.destination_service_namespace);
  append_known(out, "destination_service_name", labels.destination_service_name);
  append_known(out, "destination_workload", to.workload);
  append_known(out, "destination_canonical_service", to.canonical_service);
  append_known(out, "destination_canonical_revision", to.canonical_revision);
  append_known(out, "destination_workload_namespace", to.namespace_);
  append_known(out, "destination_principal", to.principal);
  append_known(out, "destination_app", to.app);
  append_known(out, "destination_version", to.version);
  append_known(out, "destination_cluster", to.cluster);
  append_label(out, "request_protocol", "tcp");
  append_label(out, "response_flags", to_string(flag));
  append_label(out, "connection_security_policy", labels.mutual_tls ? "mutual_tls" : "unknown");
  append_known(out, "source_region", from.region);
  append_known(out, "source_zone", from.zone);
  append_known(out, "destination_region", to.region);
  append_known(out, "destination_zone", to.zone);
}

using FlagCounts = std::array<std::atomic<std::uint64_t>, kResponseFlags>;

// One traffic family: either a plain counter, or one counter a flag.
struct TrafficFamily {
  std::string_view name;
  std::string_view help;
  const std::atomic<std::uint64_t> TrafficCounters::* plain = nullptr;
  const FlagCounts TrafficCounters::* by_flag = nullptr;
};

constexpr TrafficFamily kTrafficFamilies[] = {
    {"istio_tcp_connections_opened", "The total number of TCP connections opened.",
     &TrafficCounters::opened},
    {"istio_tcp_connections_closed", "The total number of TCP connections closed.", nullptr,
     &TrafficCounters::closed},
    {"istio_tcp_received_bytes",
     "The size of total bytes received during request in case of a TCP connection.",
     &TrafficCounters::received_bytes},
    {"istio_tcp_sent_bytes",
     "The size of total bytes sent during response in case of a TCP connection.",
     &TrafficCounters::sent_bytes},
    {"istio_tcp_connections_failed",
     "The total number of TCP connections that failed to establish (unstable).", nullptr,
     &TrafficCounters::failed},
};

void append_traffic_sample(std::string& out, std::string_view family, const TrafficLabels& labels,
                           ResponseFlag flag, std::uint64_t value) {
  out.append(family).append("_total{");
  append_traffic_labels(out, labels, flag);
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append("} ").append(digits.data(), end).append("\n");
}

// Samples of one label set. A counter that no connection has touched yet is not a sample, but the
// byte counters of an opened connection are, even at zero.
void append_traffic_series(std::string& out, const TrafficFamily& family,
                           const TrafficLabels& labels, const TrafficCounters& counters) {
  if (family.plain != nullptr) {
    append_traffic_sample(out, family.name, labels, ResponseFlag::none,
                          (counters.*family.plain).load(std::memory_order_relaxed));
    return;
  }
  for (std::size_t i = 0; i < kResponseFlags; ++i) {
    const auto value = (counters.*family.by_flag)[i].load(std::memory_order_relaxed);
    if (value == 0) continue;
    append_traffic_sample(out, family.name, labels, static_cast<ResponseFlag>(i), value);
  }
}

std::string_view word_of(FamilyType type) {
  switch (type) {
    case FamilyType::counter:
      return "counter";
    case FamilyType::gauge:
      return "gauge";
    case FamilyType::histogram:
      return "histogram";
  }
  return "unknown";
}

void append_labels(std::string& out, const FamilySpec& spec, const Sample& sample) {
  const auto labels = std::min(spec.label_names.size(), sample.label_values.size());
  if (labels == 0 && sample.upper_bound.empty()) return;
  out += '{';
  for (std::size_t i = 0; i < labels; ++i)
    append_label(out, spec.label_names[i], sample.label_values[i]);
  if (!sample.upper_bound.empty()) append_label(out, "le", sample.upper_bound);
  out += '}';
}

}  // namespace

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double value) {
  std::array<char, 40> text;
  const auto whole = std::abs(value) < 9007199254740992.0 && value == std::floor(value);
  const auto result = whole ? std::to_chars(text.data(), text.data() + text.size(),
                                            static_cast<std::int64_t>(value))
                            : std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), result.ptr);
}

void append_family(std::string& out, const FamilySpec& spec, std::span<const Sample> samples,
                   Exposition exposition) {
  if (samples.empty()) return;
  append_head(out, {spec.name, spec.help, word_of(spec.type), spec.unit}, exposition);
  for (const Sample& sample : samples) {
    out.append(spec.name);
    out.append(spec.type == FamilyType::counter ? std::string_view("_total") : sample.suffix);
    append_labels(out, spec, sample);
    out += ' ';
    append_number(out, sample.value);
    out += '\n';
  }
}

void append_traffic(std::string& out, const TrafficRegistry& traffic, Exposition exposition) {
  for (const TrafficFamily& family : kTrafficFamilies) {
    const auto start = out.size();
    append_head(out, {family.name, family.help, "counter", ""}, exposition);
    const auto samples = out.size();
    traffic.for_each([&](const TrafficLabels& labels, const TrafficCounters& counters) {
      append_traffic_series(out, family, labels, counters);
    });
    if (out.size() == samples) out.resize(start);
  }
}

}  // namespace culvert::metrics
