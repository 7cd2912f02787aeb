// ZDS packets: bytes to values and back. No I/O.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/control/zds.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace culvert::control {

// The agent reads acknowledgements into a buffer of this size and drops us if one is longer.
constexpr std::size_t kMaxAck = 1024;

struct AddRequest {
  PodUid uid;
  WorkloadInfo info;
};
struct DelRequest {
  PodUid uid;
};
struct KeepRequest {
  PodUid uid;
};
struct SnapshotRequest {};
using ZdsRequest = std::variant<AddRequest, DelRequest, KeepRequest, SnapshotRequest>;

// Errc::protocol: not a request, one of no known kind, or without what it must carry.
Result<ZdsRequest> decode_zds_request(Bytes packet);
// The first packet: version V1.
std::string encode_zds_hello();
// An acknowledgement, at most kMaxAck bytes: a longer error is cut. Bytes that are not printable
// ASCII become '?', since the agent refuses strings that are not UTF-8. Empty = success.
std::string encode_zds_ack(std::string_view error);

}  // namespace culvert::control
