// The two texts that scrapers read: pure functions from samples to text.
#pragma once

#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace culvert::metrics {

// Which of the texts. They differ in what HELP and TYPE call a counter, and in UNIT, which only
// the first has; samples are the same.
enum class Exposition : std::uint8_t {
  open_metrics,  // OpenMetrics 1.0: a counter's family is called without "_total"
  prometheus,    // Prometheus text 0.0.4: families are called as their samples
};

// Appends HELP, TYPE, UNIT and sample lines of one family; nothing when there are no samples.
void append_family(std::string& out, const FamilySpec& spec, std::span<const Sample> samples,
                   Exposition exposition = Exposition::open_metrics);

// Appends the five traffic families; those without samples are left out.
void append_traffic(std::string& out, const TrafficRegistry& traffic,
                    Exposition exposition = Exposition::open_metrics);

// Appends `value` as the inside of a quoted label value: backslash, quote and newline escaped.
void append_label_value(std::string& out, std::string_view value);

// Appends `value`, without a fraction where it is whole.
void append_number(std::string& out, double value);

}  // namespace culvert::metrics
