// Pooled client tunnels of one pod on one worker. Nothing is shared between pods or workers.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "culvert/base/identity.hpp"
#include "culvert/hbone/context.hpp"
#include "culvert/hbone/tunnel.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::hbone {

// Connections with equal keys may share a tunnel, others never do.
struct PoolKey {
  Identity source;                 // as whom we connect
  std::vector<Identity> expected;  // of which the peer must prove one; the order counts
  IpAddress source_ip;             // of the client inside the pod
  SocketAddress destination;       // the peer's HBONE socket

  friend bool operator==(const PoolKey&, const PoolKey&) = default;
};
struct PoolKeyHash {
  std::size_t operator()(const PoolKey& key) const noexcept;
};

// How the pool's sockets are made.
struct DialSettings {
  net::Netns netns;
  net::SocketOptions socket;
};

// Worker thread only.
class Pool final : public TunnelOwner {
 public:
  Pool(Context& context, DialSettings dial);
  // All tunnels must have closed: call cut() and wait for empty().
  ~Pool();

  // A tunnel with room for one more stream, dialled if there is none. Simultaneous callers with one
  // key share one dial, and its failure. Use the tunnel at once: it is not reserved. The pool
  // outlives the wait.
  net::Async<Result<Tunnel*>> checkout(PoolKey key);

  // Ends all tunnels gracefully: no new streams, existing ones run on.
  void shut_down();
  // Ends all tunnels and dials now; whoever waits in checkout() hears `reason`.
  void cut(const Error& reason);
  // No tunnel and no dial is left.
  bool empty() const { return entries_.empty() && dials_ == 0; }
  std::size_t tunnels() const;

  h2::Stream* on_request(Tunnel& tunnel, const h2::Request& request) override;
  void on_tunnel_draining(Tunnel& tunnel) override;
  void on_tunnel_closed(Tunnel& tunnel, const Error* reason) override;

 private:
  struct Pooled {
    std::unique_ptr<Tunnel> tunnel;
    TimePoint last_used;
    TimePoint made;
  };
  struct Entry {
    std::vector<Pooled> tunnels;
    net::Cancellation* dial = nullptr;                 // of the dial in progress, in its frame
    std::vector<net::OneShot<Result<void>>*> waiters;  // in the frames of checkout()
  };

  Tunnel* pick(Entry& entry);
  bool takes_none(const Entry& entry) const;
  net::Async<Result<Tunnel*>> dial_and_share(PoolKey key);
  net::Async<Result<std::unique_ptr<Tunnel>>> dial(const PoolKey& key,
                                                   net::Cancellation& cancellation);
  void release_unused();
  void drop_if_unused(const PoolKey& key);

  Context& context_;
  const DialSettings dial_;
  std::unordered_map<PoolKey, Entry, PoolKeyHash> entries_;
  std::size_t dials_ = 0;
  net::Timer sweep_;
  bool closing_ = false;
};

}  // namespace culvert::hbone
