// An xDS server whose side of the stream is the test's.
#pragma once

#include "proto/discovery.grpc.pb.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace culvert::control::test {

using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

// One stream at a time; the test reads its requests and writes its responses.
class FakeAds : public envoy::service::discovery::v3::AggregatedDiscoveryService::CallbackService {
 public:
  grpc::ServerBidiReactor<Request, Response>* DeltaAggregatedResources(
      grpc::CallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    headers_.clear();
    for (const auto& [key, value] : context->client_metadata())
      headers_[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    ++streams_;
    return new Stream(*this);
  }
  std::optional<Request> take() {
    const std::lock_guard lock(mutex_);
    if (requests_.empty()) return std::nullopt;
    auto first = std::move(requests_.front());
    requests_.pop_front();
    return first;
  }
  // The client must have sent something on the stream before.
  void send(Response response) {
    const std::lock_guard lock(mutex_);
    current_->outgoing.push_back(std::move(response));
    current_->write_next();
  }
  void finish(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    std::exchange(current_, nullptr)->Finish(status);
    requests_.clear();
  }
  std::map<std::string, std::string> headers() {
    const std::lock_guard lock(mutex_);
    return headers_;
  }
  int streams() {
    const std::lock_guard lock(mutex_);
    return streams_;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return current_ == nullptr;
  }

 private:
  struct Stream : grpc::ServerBidiReactor<Request, Response> {
    explicit Stream(FakeAds& ads_in) : ads(ads_in) {
      ads.current_ = this;
      StartRead(&incoming);
    }
    void OnReadDone(bool ok) override {
      const std::lock_guard lock(ads.mutex_);
      if (ok) {
        ads.requests_.push_back(incoming);
        StartRead(&incoming);
      } else if (ads.current_ == this) {
        ads.current_ = nullptr;
        Finish(grpc::Status::CANCELLED);
      }
    }
    void OnWriteDone(bool) override {
      const std::lock_guard lock(ads.mutex_);
      outgoing.pop_front();
      writing = false;
      write_next();
    }
    void OnDone() override { delete this; }
    void write_next() {
      if (writing || outgoing.empty()) return;
      writing = true;
      StartWrite(&outgoing.front());
    }
    FakeAds& ads;
    Request incoming;
    std::deque<Response> outgoing;
    bool writing = false;
  };

  std::mutex mutex_;
  Stream* current_ = nullptr;
  std::deque<Request> requests_;
  std::map<std::string, std::string> headers_;
  int streams_ = 0;
};

}  // namespace culvert::control::test
