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
  metrics::PeerLabels labels;
  if (facts.source_workload) {
    labels = labels_of(*facts.source_workload);
  } else {
    if (facts.source_baggage) labels = labels_of(*facts.source_baggage);
    // The proven namespace beats what the peer says about itself.
    if (facts.source_identity) labels.namespace_ = facts.source_identity->namespace_;
  }
  if (facts.source_identity) labels.principal = Name(facts.source_identity->uri());
  return labels;
}

metrics::PeerLabels destination_labels(const Facts& facts) {
  metrics::PeerLabels labels;
  if (facts.destination_workload) {
    labels = labels_of(*facts.destination_workload);
    labels.principal = Name(facts.destination_workload->identity().uri());
  }
  if (facts.destination_identity) labels.principal = Name(facts.destination_identity->uri());
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
  const auto source_id = facts.source_identity ? facts.source_identity->uri() : std::string();
  const auto destination_id =
      facts.destination_identity ? facts.destination_identity->uri() : std::string();
  if (!facts.source_workload) {
    if (facts.source_identity) record.source.namespace_ = facts.source_identity->namespace_.view();
    if (facts.source_baggage) {
      record.source.workload = facts.source_baggage->workload_name;
      record.source.cluster = facts.source_baggage->cluster;
    }
  }
  record.source.identity = source_id;
  record.destination.identity = destination_id;
  record.destination_hbone = facts.authority;
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
