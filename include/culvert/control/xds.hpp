// The xDS client: holds one delta ADS stream to the control plane and turns what comes into state
// updates. State is kept while the server is away (fail-static); reconnects report the versions
// held, so that only differences are sent.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/control/server.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::state {
struct Update;
}

namespace culvert::control {

// Who we say we are: DeltaDiscoveryRequest.node.
struct XdsNode {
  std::string ip = "1.1.1.1";  // INSTANCE_IP
  std::string pod_name;
  std::string pod_namespace;
  std::string node_name;
  // Further string metadata (ProxyConfig proxyMetadata, ISTIO_META_X as X).
  std::map<std::string, std::string> metadata;
  // Further metadata as JSON text (ISTIO_METAJSON_X as X). A value that is no JSON is refused by
  // XdsClient::make.
  std::map<std::string, std::string> json_metadata;
};

struct XdsOptions {
  ServerOptions server;
  XdsNode node;
};

// Why a stream ended: label `reason` of istio_xds_connection_terminations_total.
enum class XdsTermination : std::uint8_t { connection_error, error, reconnect, complete };
// "ConnectionError", "Error", "Reconnect", "Complete".
std::string_view to_string(XdsTermination reason);

// What the client tells the outside. All are called on the control thread, never from within
// start(); unset ones are skipped. None may destroy the client.
struct XdsEvents {
  // One response: apply it now (it is acknowledged right after the call returns). Required.
  std::function<void(state::Update)> apply;
  // Once, when of both types a response has been applied of which nothing is missing: taken, or
  // refused and an earlier version or a stand-in in its place (docs/decisions/0009).
  std::function<void()> ready;
  // A stream or connection attempt ended.
  std::function<void(XdsTermination)> terminated;
  // A response came: its type URL, the payload bytes of its resources, and how many resources
  // were rejected.
  std::function<void(std::string_view url, std::uint64_t bytes, std::uint64_t rejected)> received;
};

// Lives on the control thread: construct, start and destroy it there. gRPC's threads only read,
// decode and post. The destructor ends the stream, waits for gRPC to let go (milliseconds) and
// calls nothing afterwards. `io` must outlive it.
class XdsClient {
 public:
  // Errc::invalid for an address, header or metadata that can never work.
  static Result<std::unique_ptr<XdsClient>> make(boost::asio::io_context& io, XdsOptions options,
                                                 XdsEvents events);
  ~XdsClient();
  XdsClient(const XdsClient&) = delete;
  XdsClient& operator=(const XdsClient&) = delete;

  // Connects, and reconnects for ever. Call once.
  void start();
  // True once `ready` was (or is about to be) called. Any thread.
  bool ready() const;
  // True while a stream is established, i.e. has delivered something. Any thread.
  bool connected() const;

 private:
  class Impl;
  explicit XdsClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::control
