#include "authority/xds_service.hpp"

#include "authority/rpc.hpp"
#include "authority/xds_stream.hpp"

namespace culvert::authority {

grpc::ServerBidiReactor<XdsService::Request, XdsService::Response>*
XdsService::DeltaAggregatedResources(grpc::CallbackServerContext* context) {
  return new XdsStream(*this, *context);  // owns itself until OnDone
}

void XdsService::publish() {
  for (auto* stream : streams_) stream->push();
}

void XdsService::reauthenticate() {
  for (auto* stream : streams_) stream->authenticate();
}

void XdsService::close() {
  closed_ = true;
  for (auto* stream : streams_)
    stream->end({grpc::StatusCode::UNAVAILABLE, "the control plane is stopping"});
}

}  // namespace culvert::authority
