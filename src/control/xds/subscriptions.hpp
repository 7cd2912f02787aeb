// The two subscriptions of the stream: what is held in which version, what to ask at a (re)connect,
// how to answer. No I/O.
//
// Naming what is held saves the server from sending it again, but the request grows with the mesh
// and servers bound what they receive (gRPC's default: 4 MiB). Where it would be too large, or was,
// nothing is named: the server then answers with everything, and what its first response leaves out
// is gone.
#pragma once

#include "control/xds/response.hpp"
#include "culvert/control/xds.hpp"

#include "proto/discovery.pb.h"

#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace culvert::control {

class XdsSubscriptions {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;

  // Errc::invalid when a JSON metadata value is none.
  static Result<XdsSubscriptions> make(const XdsNode& node);

  // The largest request that names versions, with room below the default of gRPC servers.
  static constexpr std::size_t kMaxRequest = std::size_t{3} << 20;
  // No server bounds what it receives below this: a smaller request is not what was too large.
  static constexpr std::size_t kLarge = std::size_t{64} << 10;

  // What opens a stream, in order: each type with node and the versions held, or without versions
  // where they are too many or the server would not take so much.
  std::vector<Request> initial();
  // The stream ended because a request was larger than the server takes: types whose versions made
  // theirs large, and were not answered, are opened without them until they were answered.
  void on_too_large();
  // To be called with each response before its update is applied. One that holds everything there
  // is gets removals for what is held and not mentioned in it. Stand-ins of refused policies that
  // leave nothing behind join its update; of its `stand_ins`, those stay.
  void complete(XdsResponse& response);
  // The answer to a response whose update has been applied: records versions; ACK, or NACK when
  // something was rejected.
  Request answer(const XdsResponse& response);
  // True once nothing is missing of any type that has had a response: all of it was taken, or what
  // was refused has an earlier version or a stand-in in its place, or is gone.
  bool ready() const { return types_[0].synced && types_[1].synced; }
  // How many resources are held.
  std::size_t held() const { return types_[0].versions.size() + types_[1].versions.size(); }

 private:
  struct Type {
    std::string_view url;
    std::unordered_map<Name, std::string> versions{};
    std::unordered_set<Name> stand_ins{};  // of those: held without a version
    std::unordered_set<Name> missing{};    // refused, with nothing in their place
    bool synced = false;
    bool opened = false;   // the stream's first response, which names all that is not held, is due
    bool large = false;    // this stream was opened with many versions, and has not answered yet
    bool whole = false;    // opened without: its first response is everything there is
    bool unnamed = false;  // the next stream is opened without
  };
  Type* find(std::string_view url);
  static void remove_unmentioned(const Type& type, XdsResponse& response);
  static void stand_in(const Type& type, XdsResponse& response);
  static void record(Type& type, const XdsResponse& response);
  explicit XdsSubscriptions(envoy::service::discovery::v3::Node node) : node_(std::move(node)) {}

  envoy::service::discovery::v3::Node node_;
  std::array<Type, 2> types_{Type{.url = kAddressType}, Type{.url = kAuthorizationType}};
};

}  // namespace culvert::control
