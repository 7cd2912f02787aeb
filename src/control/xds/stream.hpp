// One ADS stream: gRPC's callbacks turned into posts to the control thread.
#pragma once

#include "control/server/gate.hpp"
#include "control/xds/response.hpp"

#include "proto/discovery.grpc.pb.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace culvert::control {

// Made, written and destroyed on the control thread; lives until gRPC has reported its end (it
// keeps itself alive from open() to then).
class XdsStream
    : public std::enable_shared_from_this<XdsStream>,
      private grpc::ClientBidiReactor<envoy::service::discovery::v3::DeltaDiscoveryRequest,
                                      envoy::service::discovery::v3::DeltaDiscoveryResponse> {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

  // Called on the control thread, at most one response at a time: the next is read after read().
  struct Events {
    std::function<void(XdsResponse)> response;
    std::function<void(const grpc::Status&)> ended;  // the last call
  };

  XdsStream(std::shared_ptr<Gate> gate, std::shared_ptr<grpc::Channel> channel, Events events);

  // To be filled in before open().
  grpc::ClientContext& context() { return context_; }
  // Starts the call and reads.
  void open();
  // Queues a request.
  void write(Request request);
  // Reads the next response.
  void read();
  // Gives up: no event follows; gRPC ends the call soon.
  void cancel();

 private:
  // gRPC swallows what is thrown, and the stream would stand still for ever.
  void OnReadDone(bool ok) noexcept override;
  void OnWriteDone(bool ok) noexcept override;
  void OnDone(const grpc::Status& status) noexcept override;
  void write_next();
  void release();

  // constant after construction
  const std::shared_ptr<Gate> gate_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<envoy::service::discovery::v3::AggregatedDiscoveryService::Stub> stub_;

  grpc::ClientContext context_;
  std::unique_ptr<Response> response_;  // gRPC's between read() and OnReadDone

  // control thread only
  Events events_;
  std::deque<Request> writes_;  // the first is gRPC's while writing_
  bool writing_ = false;
  bool held_ = false;       // gRPC waits for us before it ends the call
  bool cancelled_ = false;  // no more events

  std::shared_ptr<XdsStream> self_;  // from open() to OnDone
};

}  // namespace culvert::control
