#include "culvert/metrics/traffic.hpp"

#include <vector>

namespace culvert::metrics {

std::string_view to_string(Reporter reporter) {
  return reporter == Reporter::source ? "source" : "destination";
}

std::string_view to_string(ResponseFlag flag) {
  switch (flag) {
    case ResponseFlag::none:
      return "-";
    case ResponseFlag::deny:
      return "DENY";
    case ResponseFlag::connect:
      return "CONNECT";
    case ResponseFlag::tls_failure:
      return "TLS_FAILURE";
    case ResponseFlag::h2_handshake_failure:
      return "H2_HANDSHAKE_FAILURE";
    case ResponseFlag::network_policy:
      return "NETWORK_POLICY";
    case ResponseFlag::identity_error:
      return "IDENTITY_ERROR";
    case ResponseFlag::cert_revoked:
      return "CERT_REVOKED";
  }
  return "CONNECT";
}

ResponseFlag flag_of(const Error& error, bool hbone_dial) {
  switch (error.code) {
    case Errc::denied:
      return ResponseFlag::deny;
    case Errc::tls:
      return ResponseFlag::tls_failure;
    case Errc::h2:
      return ResponseFlag::h2_handshake_failure;
    case Errc::identity:
      return ResponseFlag::identity_error;
    case Errc::revoked:
      return ResponseFlag::cert_revoked;
    case Errc::timed_out:
      return hbone_dial ? ResponseFlag::network_policy : ResponseFlag::connect;
    default:
      return ResponseFlag::connect;
  }
}

namespace {

void mix(std::size_t& seed, const Name& name) { seed = seed * 1099511628211U ^ name.hash(); }

void mix(std::size_t& seed, const PeerLabels& peer) {
  for (const Name* name :
       {&peer.workload, &peer.canonical_service, &peer.canonical_revision, &peer.namespace_,
        &peer.principal, &peer.app, &peer.version, &peer.cluster, &peer.region, &peer.zone})
    mix(seed, *name);
}

}  // namespace

std::size_t TrafficLabelsHash::operator()(const TrafficLabels& labels) const noexcept {
  auto seed = static_cast<std::size_t>(labels.reporter) * 2 + (labels.mutual_tls ? 1 : 0);
  mix(seed, labels.source);
  mix(seed, labels.destination);
  mix(seed, labels.destination_service);
  mix(seed, labels.destination_service_namespace);
  mix(seed, labels.destination_service_name);
  return seed ^ (seed >> 29);  // handles are pointers: their low bits alone are too regular
}

TrafficCounters& TrafficRegistry::get(const TrafficLabels& labels) {
  const std::lock_guard lock(mutex_);
  return series_.try_emplace(labels).first->second;
}

TrafficCounters* TrafficRegistry::get_claimed(const TrafficLabels& labels) {
  const std::lock_guard lock(mutex_);
  if (const auto found = series_.find(labels); found != series_.end()) return &found->second;
  if (claimed_ == kMostClaimed) return nullptr;
  ++claimed_;
  return &series_[labels];
}

void TrafficRegistry::for_each(
    const std::function<void(const TrafficLabels&, const TrafficCounters&)>& visit) const {
  std::vector<const std::pair<const TrafficLabels, TrafficCounters>*> all;
  {
    const std::lock_guard lock(mutex_);
    all.reserve(series_.size());
    for (const auto& entry : series_) all.push_back(&entry);
  }
  for (const auto* entry : all) visit(entry->first, entry->second);
}

std::size_t TrafficRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return series_.size();
}

}  // namespace culvert::metrics
