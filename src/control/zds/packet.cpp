#include "control/zds/packet.hpp"

#include "proto/zds.pb.h"

#include <algorithm>
#include <limits>

namespace culvert::control {
namespace {

namespace zds = istio::workload::zds;

// Two nested messages with a length of two bytes each around the text.
constexpr std::size_t kMaxErrorText = kMaxAck - 8;

// More than any resolver library uses; the agent sends three at most.
constexpr std::size_t kMaxNameservers = 8;

// A hint, not a condition: what is no address is passed over, and the pod is served all the same.
std::vector<IpAddress> read_nameservers(const zds::WorkloadInfo& info) {
  std::vector<IpAddress> known;
  for (const auto& text : info.nameservers()) {
    const auto address = IpAddress::parse(text);
    if (address && known.size() < kMaxNameservers) known.push_back(*address);
  }
  return known;
}

Result<ZdsRequest> decode_add(const zds::AddWorkload& add) {
  if (add.uid().empty()) return fail(Errc::protocol, "add without uid");
  if (!add.has_workload_info()) return fail(Errc::protocol, "add without workload info");
  const auto& info = add.workload_info();
  return ZdsRequest(
      AddRequest{add.uid(), WorkloadInfo{info.name(), info.namespace_(), info.service_account(),
                                         read_nameservers(info)}});
}

}  // namespace

Result<ZdsRequest> decode_zds_request(Bytes packet) {
  zds::WorkloadRequest request;
  if (packet.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !request.ParseFromArray(packet.data(), static_cast<int>(packet.size())))
    return fail(Errc::protocol, "packet is no workload request");
  switch (request.payload_case()) {
    case zds::WorkloadRequest::kAdd:
      return decode_add(request.add());
    case zds::WorkloadRequest::kDel:
      if (request.del().uid().empty()) return fail(Errc::protocol, "del without uid");
      return ZdsRequest(DelRequest{request.del().uid()});
    case zds::WorkloadRequest::kKeep:
      if (request.keep().uid().empty()) return fail(Errc::protocol, "keep without uid");
      return ZdsRequest(KeepRequest{request.keep().uid()});
    case zds::WorkloadRequest::kSnapshotSent:
      return ZdsRequest(SnapshotRequest{});
    case zds::WorkloadRequest::PAYLOAD_NOT_SET:
      break;
  }
  return fail(Errc::protocol, "workload request of unknown kind");
}

std::string encode_zds_hello() {
  zds::ZdsHello hello;
  hello.set_version(zds::V1);
  return hello.SerializeAsString();
}

std::string encode_zds_ack(std::string_view error) {
  std::string text(error.substr(0, kMaxErrorText));
  std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  zds::WorkloadResponse response;
  response.mutable_ack()->set_error(std::move(text));
  return response.SerializeAsString();
}

}  // namespace culvert::control
