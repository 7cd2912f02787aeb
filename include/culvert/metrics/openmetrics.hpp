// OpenMetrics 1.0 text: pure functions from samples to text.
#pragma once

#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"

#include <span>
#include <string>
#include <string_view>

namespace culvert::metrics {

// Appends HELP, TYPE, UNIT and sample lines of one family; nothing when there are no samples.
void append_family(std::string& out, const FamilySpec& spec, std::span<const Sample> samples);

// Appends the five traffic families; those without samples are left out.
void append_traffic(std::string& out, const TrafficRegistry& traffic);

// Appends `value` as the inside of a quoted label value: backslash, quote and newline escaped.
void append_label_value(std::string& out, std::string_view value);

// Appends `value`, without a fraction where it is whole.
void append_number(std::string& out, double value);

}  // namespace culvert::metrics
