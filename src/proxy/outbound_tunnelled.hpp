// An outbound connection that goes through a tunnel.
#pragma once

#include "culvert/hbone/relay.hpp"
#include "culvert/state/route.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Made when routing is done; counted as opened at once. Deletes itself when it has failed or both
// sides are done.
class OutboundTunnelled final : public Connection, private hbone::Relay::Owner {
 public:
  OutboundTunnelled(PodProxy& pod, Facts facts, UniqueFd client);

  // Gets a tunnel, asks the peer to connect, relays. The object may be gone afterwards.
  net::Async<void> run(state::OutboundDecision decision);
  void cut(Error reason) override;

 private:
  net::Async<Result<void>> connect(const state::OutboundDecision& decision);
  hbone::PoolKey pool_key(const state::OutboundDecision& decision) const;
  Result<void> request(hbone::Tunnel& tunnel, std::string_view authority);
  void fail(Error error);
  void close_client();
  void on_bytes(std::uint64_t to_tunnel, std::uint64_t to_app) override;
  const void* pod() const override { return &pod_; }
  void on_relay_end(const Error* error) override;

  // Ordered for size: there are tens of thousands of these.
  PodProxy& pod_;
  hbone::Relay relay_;
  std::unique_ptr<Error> failure_;  // why it did not come about, or was cut meanwhile
  UniqueFd client_;                 // until the relay has it
  bool started_ = false;
  bool dialling_ = false;  // the failure is that of reaching the peer's HBONE port
};

}  // namespace culvert::proxy
