// Calls of the control plane as a client makes them: a delta xDS stream, and what every call has.
#pragma once

#include "proto/discovery.grpc.pb.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::authority::test {

using Ads = envoy::service::discovery::v3::AggregatedDiscoveryService;
using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

// What every call has: a deadline and the caller's token.
inline void prepare(grpc::ClientContext& context, const std::string& token) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

// One xDS stream, used by one test step at a time.
class Stream {
 public:
  Stream(const std::shared_ptr<grpc::Channel>& channel, const std::string& token)
      : stub_(Ads::NewStub(channel)) {
    prepare(context_, token);
    stream_ = stub_->DeltaAggregatedResources(&context_);
  }
  ~Stream() {
    if (ended_) return;
    context_.TryCancel();
    stream_->Finish();
  }

  void subscribe(std::string_view type, const std::map<std::string, std::string>& versions = {}) {
    Request request;
    request.mutable_node()->set_id("ztunnel~198.18.0.1~z.ns~ns.svc.cluster.local");
    request.set_type_url(std::string(type));
    for (const auto& [name, version] : versions)
      (*request.mutable_initial_resource_versions())[name] = version;
    stream_->Write(request);
  }
  void answer(const Response& response, const std::string& rejection = {}) {
    Request request;
    request.set_type_url(response.type_url());
    request.set_response_nonce(response.nonce());
    if (!rejection.empty()) request.mutable_error_detail()->set_message(rejection);
    stream_->Write(request);
  }
  void write(const Request& request) { stream_->Write(request); }
  // The next response; an empty one when the stream has ended.
  Response read() {
    Response response;
    stream_->Read(&response);
    return response;
  }
  grpc::Status end() {
    ended_ = true;
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  std::unique_ptr<Ads::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  bool ended_ = false;
};

inline std::vector<std::string> names(const Response& response) {
  std::vector<std::string> out;
  for (const auto& resource : response.resources()) out.push_back(resource.name());
  return out;
}

}  // namespace culvert::authority::test
