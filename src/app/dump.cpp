#include "app/dump.hpp"

#include <future>

namespace culvert::app {

std::vector<admin::CertificateEntry> certificate_entries(
    const control::CertificateManager& certificates) {
  std::vector<admin::CertificateEntry> entries;
  for (const auto& status : certificates.list()) {
    admin::CertificateEntry entry;
    entry.identity = status.identity.uri();
    entry.state = status.state;
    if (status.certificate) {
      auto description = status.certificate->describe();
      entry.chain = std::move(description.chain);
      entry.roots = std::move(description.roots);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<admin::PodEntry> pod_entries(const std::vector<control::PodStatus>& pods,
                                         proxy::NodeProxy::Connections connections) {
  std::vector<admin::PodEntry> entries;
  for (const auto& pod : pods) {
    admin::PodEntry entry;
    entry.uid = pod.uid;
    entry.name = pod.info.name;
    entry.namespace_ = pod.info.namespace_;
    entry.service_account = pod.info.service_account;
    entry.up = pod.state == control::PodStatus::State::up;
    for (auto& one : connections[pod.uid]) {
      admin::ConnectionEntry connection;
      connection.src = std::move(one.source);
      if (!one.original_destination.empty()) {
        connection.original_dst = std::move(one.original_destination);
      }
      connection.actual_dst = std::move(one.actual_destination);
      connection.protocol = std::move(one.protocol);
      (one.inbound ? entry.inbound : entry.outbound).push_back(std::move(connection));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

proxy::NodeProxy::Connections collect_connections(proxy::NodeProxy& node) {
  auto answer = std::make_shared<std::promise<proxy::NodeProxy::Connections>>();
  auto arrival = answer->get_future();
  node.connections(
      [answer](proxy::NodeProxy::Connections all) { answer->set_value(std::move(all)); });
  if (arrival.wait_for(std::chrono::seconds(2)) != std::future_status::ready) return {};
  return arrival.get();
}

}  // namespace culvert::app
