// The two subscriptions of the stream: what is held in which version, what to ask at a (re)connect,
// how to answer. No I/O.
#pragma once

#include "control/xds/response.hpp"
#include "culvert/control/xds.hpp"

#include "proto/discovery.pb.h"

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

namespace culvert::control {

class XdsSubscriptions {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;

  // Errc::invalid when a JSON metadata value is none.
  static Result<XdsSubscriptions> make(const XdsNode& node);

  // What opens a stream, in order: each type with node and the versions held.
  std::vector<Request> initial() const;
  // The answer to a response whose update has been applied: records versions; ACK, or NACK when
  // something was rejected.
  Request answer(const XdsResponse& response);
  // True once every type has been acknowledged.
  bool ready() const { return types_[0].acked && types_[1].acked; }
  // How many resources are held.
  std::size_t held() const { return types_[0].versions.size() + types_[1].versions.size(); }

 private:
  struct Type {
    std::string_view url;
    std::unordered_map<Name, std::string> versions;
    bool acked = false;
  };
  explicit XdsSubscriptions(envoy::service::discovery::v3::Node node) : node_(std::move(node)) {}

  envoy::service::discovery::v3::Node node_;
  std::array<Type, 2> types_{Type{kAddressType, {}, false}, Type{kAuthorizationType, {}, false}};
};

}  // namespace culvert::control
