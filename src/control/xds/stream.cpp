#include "control/xds/stream.hpp"

#include <grpcpp/channel.h>

#include <utility>

namespace culvert::control {

XdsStream::XdsStream(std::shared_ptr<Gate> gate, std::shared_ptr<grpc::Channel> channel,
                     Events events)
    : gate_(std::move(gate)),
      channel_(std::move(channel)),
      stub_(envoy::service::discovery::v3::AggregatedDiscoveryService::NewStub(channel_)),
      events_(std::move(events)) {}

void XdsStream::open() {
  self_ = shared_from_this();
  gate_->begin();
  stub_->async()->DeltaAggregatedResources(&context_, this);
  AddHold();
  held_ = true;
  read();
  write_next();
  StartCall();
}

void XdsStream::write(Request request) {
  writes_.push_back(std::move(request));
  if (held_ && !writing_) write_next();
}

void XdsStream::write_next() {
  if (writes_.empty() || cancelled_) return;
  writing_ = true;
  StartWrite(&writes_.front());
}

void XdsStream::read() {
  if (!held_ || cancelled_) return;
  // A new object each time: a cleared one would keep the memory of the largest response.
  response_ = std::make_unique<Response>();
  StartRead(response_.get());
}

void XdsStream::cancel() {
  cancelled_ = true;
  context_.TryCancel();
  release();
}

void XdsStream::release() {
  if (!std::exchange(held_, false)) return;
  RemoveHold();
}

void XdsStream::OnReadDone(bool ok) noexcept {
  if (!ok) {
    response_.reset();
    gate_->post([self = shared_from_this()] { self->release(); });
    return;
  }
  auto decoded = std::make_shared<XdsResponse>(decode_response(*response_));
  response_.reset();
  gate_->post([self = shared_from_this(), decoded] {
    if (!self->cancelled_) self->events_.response(std::move(*decoded));
  });
}

void XdsStream::OnWriteDone(bool ok) noexcept {
  gate_->post([self = shared_from_this(), ok] {
    self->writing_ = false;
    self->writes_.pop_front();
    // After a failed write the read fails as well, and that ends the stream.
    if (ok && self->held_) self->write_next();
  });
}

void XdsStream::OnDone(const grpc::Status& status) noexcept {
  const auto gate = gate_;
  // May destroy this, and with it the channel, before the gate is told that nothing is left.
  gate->post([self = std::move(self_), status] {
    if (!self->cancelled_) self->events_.ended(status);
  });
  gate->end();
}

}  // namespace culvert::control
