#include "proxy/record.hpp"

namespace culvert::proxy {

namespace {

metrics::PeerLabels labels_of(const state::Workload& workload) {
  metrics::PeerLabels labels;
  labels.workload = workload.workload_name;
  labels.canonical_service = workload.canonical_name;
  labels.canonical_revision = workload.canonical_revision;
  labels.namespace_ = workload.namespace_;
  labels.app = workload.canonical_name;
  labels.version = workload.canonical_revision;
  labels.cluster = workload.cluster_id;
  labels.region = workload.locality.region;
  labels.zone = workload.locality.zone;
  return labels;
}

metrics::PeerLabels labels_of(const hbone::Baggage& baggage) {
  metrics::PeerLabels labels;
  labels.workload = Name(baggage.workload_name);
  labels.canonical_service = Name(baggage.service_name);
  labels.canonical_revision = Name(baggage.service_version);
  labels.namespace_ = Name(baggage.namespace_);
  labels.app = Name(baggage.workload_name);
  labels.version = Name(baggage.service_version);
  labels.cluster = Name(baggage.cluster);
  labels.region = Name(baggage.region);
  labels.zone = Name(baggage.zone);
  return labels;
}

metrics::PeerLabels source_labels(const Facts& facts) {
  const auto identity = facts.source_identity();
  metrics::PeerLabels labels;
  if (facts.source_workload) {
    labels = labels_of(*facts.source_workload);
  } else {
    if (facts.said_baggage) labels = labels_of(*facts.said_baggage);
    // The proven namespace beats what the peer says about itself.
    if (identity) labels.namespace_ = identity->namespace_;
  }
  if (identity) labels.principal = Name(identity->uri());
  return labels;
}

metrics::PeerLabels destination_labels(const Facts& facts) {
  metrics::PeerLabels labels;
  if (facts.destination_workload) {
    labels = labels_of(*facts.destination_workload);
    labels.principal = Name(facts.destination_workload->identity().uri());
  }
  if (const auto identity = facts.destination_identity()) labels.principal = Name(identity->uri());
  return labels;
}

// The pod's name, or what it is an instance of.
std::string_view shown_name(const state::Workload& workload) {
  return workload.name.empty() ? workload.canonical_name.view() : workload.name.view();
}

void describe(metrics::AccessPeer& peer, const state::WorkloadPtr& workload) {
  if (!workload) return;
  peer.workload = shown_name(*workload);
  peer.namespace_ = workload->namespace_.view();
  peer.cluster = workload->cluster_id.view();
}

}  // namespace

metrics::PeerLabels source_labels(const state::Workload& workload) {
  auto labels = labels_of(workload);
  labels.principal = Name(workload.identity().uri());
  return labels;
}

std::optional<Identity> Facts::source_identity() const {
  if (!mutual_tls) return std::nullopt;
  if (reporter == metrics::Reporter::source) return source_workload->identity();
  return peer_is_known ? std::optional(peer) : std::nullopt;
}

std::optional<Identity> Facts::destination_identity() const {
  if (!mutual_tls) return std::nullopt;
  if (reporter == metrics::Reporter::source && peer_is_known) return peer;
  return destination_workload ? std::optional(destination_workload->identity()) : std::nullopt;
}

std::string Facts::authority() const {
  if (target_host) return *target_host;
  return target.port != 0 ? target.to_string() : std::string();
}

void Facts::set_authority(std::string_view text) {
  if (auto address = SocketAddress::parse(text); address && address->port != 0) {
    target = *address;
  } else {
    target_host = std::make_unique<std::string>(text);
  }
}

metrics::TrafficLabels labels_of(const Facts& facts) {
  metrics::TrafficLabels labels;
  labels.reporter = facts.reporter;
  labels.mutual_tls = facts.mutual_tls;
  labels.source = source_labels(facts);
  labels.destination = destination_labels(facts);
  if (facts.service) {
    labels.destination_service = facts.service->hostname;
    labels.destination_service_namespace = facts.service->namespace_;
    labels.destination_service_name = facts.service->name;
  }
  return labels;
}

void log_access(metrics::AccessEvent event, const Facts& facts, std::uint64_t received,
                std::uint64_t sent, std::chrono::milliseconds duration, std::string_view error) {
  if (!metrics::access_enabled(event, !error.empty())) return;
  metrics::AccessRecord record;
  record.event = event;
  record.reporter = facts.reporter;
  record.source.address = facts.source;
  record.destination.address = facts.destination;
  describe(record.source, facts.source_workload);
  describe(record.destination, facts.destination_workload);
  const auto source_identity = facts.source_identity();
  const auto destination_identity = facts.destination_identity();
  const auto source_id = source_identity ? source_identity->uri() : std::string();
  const auto destination_id = destination_identity ? destination_identity->uri() : std::string();
  const auto authority = facts.authority();
  if (!facts.source_workload) {
    if (source_identity) record.source.namespace_ = source_identity->namespace_.view();
    if (facts.said_baggage) {
      record.source.workload = facts.said_baggage->workload_name;
      record.source.cluster = facts.said_baggage->cluster;
    }
  }
  record.source.identity = source_id;
  record.destination.identity = destination_id;
  record.destination_hbone = authority;
  if (facts.service) record.destination_service = facts.service->hostname.view();
  record.received_bytes = received;
  record.sent_bytes = sent;
  record.duration = duration;
  record.error = error;
  metrics::write_access(record);
}

void log_early_deny(metrics::Reporter reporter, const SocketAddress& source,
                    const SocketAddress& destination, std::string_view error) {
  metrics::AccessRecord record;
  record.event = metrics::AccessEvent::denied;
  record.reporter = reporter;
  record.source.address = source;
  record.destination.address = destination;
  record.error = error;
  metrics::write_access(record);
}

}  // namespace culvert::proxy
