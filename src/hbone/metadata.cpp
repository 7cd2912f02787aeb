#include "culvert/hbone/metadata.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace culvert::hbone {

namespace {

constexpr std::size_t kMaxValue = 256;

struct Key {
  std::string_view name;
  std::string Baggage::* member;
};
constexpr std::array<Key, 10> kKeys = {{
    {"k8s.cluster.name", &Baggage::cluster},
    {"k8s.namespace.name", &Baggage::namespace_},
    {"k8s.deployment.name", &Baggage::workload_name},
    {"k8s.cronjob.name", &Baggage::workload_name},
    {"k8s.pod.name", &Baggage::workload_name},
    {"k8s.job.name", &Baggage::workload_name},
    {"service.name", &Baggage::service_name},
    {"service.version", &Baggage::service_version},
    {"cloud.region", &Baggage::region},
    {"cloud.availability_zone", &Baggage::zone},
}};

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; });
}

// Cuts the part up to `separator` off the front of `rest`.
std::string_view cut(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool Baggage::empty() const {
  return std::all_of(kKeys.begin(), kKeys.end(),
                     [this](const Key& key) { return (this->*key.member).empty(); });
}

std::string baggage_of(const state::Workload& workload) {
  std::string out;
  const auto add = [&out](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!out.empty()) out += ',';
    out.append(key).append("=").append(value);
  };
  add("k8s.cluster.name", workload.cluster_id.view());
  add("k8s.namespace.name", workload.namespace_.view());
  const auto kind = "k8s." + std::string(state::to_string(workload.workload_type)) + ".name";
  add(kind, workload.workload_name.view());
  add("service.name", workload.canonical_name.view());
  add("service.version", workload.canonical_revision.view());
  add("cloud.region", workload.locality.region.view());
  add("cloud.availability_zone", workload.locality.zone.view());
  return out;
}

Baggage parse_baggage(std::string_view value) {
  Baggage baggage;
  if (!is_visible_ascii(value)) return baggage;
  while (!value.empty()) {
    std::string_view element = cut(value, ',');
    const auto name = cut(element, '=');
    const auto text = cut(element, '=');
    for (const Key& key : kKeys) {
      if (key.name == name && text.size() <= kMaxValue) baggage.*key.member = text;
    }
  }
  return baggage;
}

std::string forwarded_header(const SocketAddress& source, std::string_view service) {
  std::string out = "for=\"" + source.to_string() + "\"";
  if (!service.empty()) out.append(";host=").append(service);
  return out;
}

std::string_view forwarded_host(std::string_view value) {
  if (!is_visible_ascii(value)) return {};
  while (!value.empty()) {
    auto part = trimmed(cut(value, ';'));
    if (!part.starts_with("host=")) continue;
    part.remove_prefix(5);
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"') {
      part = part.substr(1, part.size() - 2);
    }
    return part;
  }
  return {};
}

std::string make_traceparent(Random& random) {
  std::array<char, 56> text;
  // All-zero ids are invalid (W3C Trace Context section 3.2.2.3).
  std::snprintf(text.data(), text.size(), "00-%016llx%016llx-%016llx-00",
                static_cast<unsigned long long>(random.next()),
                static_cast<unsigned long long>(random.next() | 1),
                static_cast<unsigned long long>(random.next() | 1));
  return std::string(text.data(), 55);
}

bool is_traceparent(std::string_view value) {
  if (value.size() != 55) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool dash = i == 2 || i == 35 || i == 52;
    const char c = value[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string_view find_header(std::span<const h2::Header> headers, std::string_view name) {
  for (const auto& header : headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

std::string joined_header(std::span<const h2::Header> headers, std::string_view name) {
  std::string all;
  for (const auto& header : headers) {
    if (header.name != name) continue;
    if (!all.empty()) all += ',';
    all += header.value;
  }
  return all;
}

}  // namespace culvert::hbone
