// One CONNECT stream to an application of the pod.
#pragma once

#include "culvert/hbone/relay.hpp"
#include "culvert/net/cancellation.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Made when the target is validated; counted as opened at once. Deletes itself when it was refused
// or both sides are done.
class InboundStream final : public Connection, private hbone::Relay::Owner {
 public:
  InboundStream(PodProxy& pod, Facts facts, hbone::Tunnel& tunnel);

  h2::Stream& stream() { return relay_; }
  // Refused by policy, before the stream is attached: the caller has answered.
  void denied(const Error& error);
  // Dials the application, answers, relays. The object may be gone afterwards.
  net::Async<void> run(PodProxy::Attempt attempt, SocketAddress application,
                       state::WorkloadPtr workload);
  void cut(Error reason) override;

 private:
  void fail(Error error);
  void accept(const state::WorkloadPtr& workload);
  void on_bytes(std::uint64_t to_tunnel, std::uint64_t to_app) override;
  const void* pod() const override { return &pod_; }
  void on_stream_gone() override;
  void on_relay_end(const Error* error) override;

  PodProxy& pod_;
  hbone::Relay relay_;
  // Until bytes flow; then null. Its reason is why they never will.
  std::unique_ptr<net::Cancellation> opening_ = std::make_unique<net::Cancellation>();
};

}  // namespace culvert::proxy
