// One delta response, decoded: what it changes, what of it was refused. Done on the thread that
// read it, so that a large response does not hold up the control thread.
#pragma once

#include "culvert/base/name.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace envoy::service::discovery::v3 {
class DeltaDiscoveryResponse;
}

namespace culvert::control {

inline constexpr std::string_view kAddressType = "type.googleapis.com/istio.workload.Address";
inline constexpr std::string_view kAuthorizationType =
    "type.googleapis.com/istio.security.Authorization";

struct XdsResponse {
  std::string type_url;
  std::string nonce;
  state::Update update;
  // Resource names with the versions now held. Names are interned: most are uids, which the state
  // holds anyway.
  std::vector<std::pair<Name, std::string>> accepted;
  std::vector<Name> removed;
  std::vector<std::string> rejected;  // "<name>: <reason>"
  std::vector<Name> refused;          // the names of those
  // For policies among them, one each that fails closed. Not part of `update`: whether it is needed
  // depends on what is held (XdsSubscriptions::complete).
  std::vector<state::Policy> stand_ins;
  std::uint64_t payload_bytes = 0;  // of all resources
  bool foreign = false;             // of a type that was not asked for: acknowledged, nothing more
};

// Takes a response apart; bad resources only cost themselves. Of a type that was not asked for
// only type and nonce are kept. Pure; any thread. Frees the resources of `in` as it goes.
XdsResponse decode_response(envoy::service::discovery::v3::DeltaDiscoveryResponse& in);

}  // namespace culvert::control
