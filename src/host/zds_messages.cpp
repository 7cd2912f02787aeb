#include "host/zds_messages.hpp"

#include "proto/zds.pb.h"

namespace culvert::host {

namespace wire = istio::workload::zds;

std::string encode_add(const PodInfo& pod) {
  wire::WorkloadRequest request;
  auto& add = *request.mutable_add();
  add.set_uid(pod.uid);
  add.mutable_workload_info()->set_name(pod.name);
  add.mutable_workload_info()->set_namespace_(pod.namespace_);
  add.mutable_workload_info()->set_service_account(pod.service_account);
  for (const auto& nameserver : pod.nameservers)
    add.mutable_workload_info()->add_nameservers(nameserver.to_string());
  return request.SerializeAsString();
}

std::string encode_del(const std::string& uid) {
  wire::WorkloadRequest request;
  request.mutable_del()->set_uid(uid);
  return request.SerializeAsString();
}

std::string encode_keep(const std::string& uid) {
  wire::WorkloadRequest request;
  request.mutable_keep()->set_uid(uid);
  return request.SerializeAsString();
}

std::string encode_snapshot_sent() {
  wire::WorkloadRequest request;
  request.mutable_snapshot_sent();
  return request.SerializeAsString();
}

Result<void> decode_hello(std::string_view packet) {
  wire::ZdsHello hello;
  if (!hello.ParseFromArray(packet.data(), static_cast<int>(packet.size())))
    return fail(Errc::protocol, "the first packet is not a hello");
  if (hello.version() != wire::V1)
    return fail(Errc::protocol, "hello of version " + std::to_string(hello.version()) +
                                    ", and only version 1 is spoken here");
  return {};
}

Result<void> decode_ack(std::string_view packet) {
  wire::WorkloadResponse response;
  if (!response.ParseFromArray(packet.data(), static_cast<int>(packet.size())) ||
      !response.has_ack())
    return fail(Errc::protocol, "a packet that is no answer");
  if (!response.ack().error().empty()) return fail(Errc::refused, response.ack().error());
  return {};
}

}  // namespace culvert::host
