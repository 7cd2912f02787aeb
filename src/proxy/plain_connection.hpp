// A connection that is carried as plain TCP: pass-through and TCP workloads outbound, plaintext
// inbound.
#pragma once

#include "culvert/net/cancellation.hpp"
#include "proxy/plain_relay.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Made when routing is done; counted as opened at once. Deletes itself: through fail(), or when the
// relay ends.
class PlainConnection final : public Connection, private PlainRelay::Owner {
 public:
  PlainConnection(PodProxy& pod, Facts facts, OpenSocket socket, UniqueFd client);

  // Dials `destination`, from `source` if given, and relays. The object may be gone afterwards.
  net::Async<void> run(SocketAddress destination, std::optional<IpAddress> source);
  // Ends it before it was joined; the client gets RST.
  void fail(const Error& error);
  void cut(Error reason) override;

 private:
  void close_client();
  const void* pod() const override { return &pod_; }
  void on_relay_end(const Error* error) override;

  PodProxy& pod_;
  OpenSocket socket_;
  UniqueFd client_;  // until the relay has it
  PlainRelay relay_;
  net::Cancellation* dial_ = nullptr;  // of the dial in progress, in the frame of run()
};

}  // namespace culvert::proxy
