// One pod on one worker: its listeners, its tunnels, its connections. Shares nothing with the same
// pod on other workers.
#pragma once

#include <boost/intrusive/list.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "culvert/hbone/pool.hpp"
#include "culvert/metrics/dns.hpp"
#include "culvert/net/cancellation.hpp"
#include "culvert/net/listener.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/net/overload_log.hpp"
#include "culvert/proxy/pod.hpp"
#include "culvert/proxy/resolvers.hpp"
#include "culvert/proxy/settings.hpp"
#include "culvert/state/authorize.hpp"
#include "culvert/state/store.hpp"
#include "proxy/connection.hpp"
#include "proxy/handshakes.hpp"
#include "proxy/traffic_cache.hpp"

namespace culvert::proxy {

class DnsServer;
class Hostnames;

// What all pods of one worker use. Outlives them.
struct Environment {
  hbone::Context& tunnels;
  const state::Store& store;
  metrics::TrafficRegistry& traffic;
  SocketGauges sockets_open;
  metrics::DnsMetrics& dns;
  const NodeResolvers& resolvers;
  Hostnames& hostnames;
  const Settings& settings;
};

// Worker thread only. Made by the node proxy, destroyed by it when on_idle was called after
// drain() or stop().
class PodProxy final : public hbone::TunnelOwner {
 public:
  PodProxy(Environment& environment, PodInfo info, net::Netns netns, std::function<void()> on_idle);
  ~PodProxy();

  // Opens the listeners inside the pod. On error none is left open and the pod proxy is useless.
  Result<void> start();
  // New connections are refused from now on; open ones run on, peers are told to open no more.
  void drain();
  // Like drain(), and ends what is open or being opened.
  void stop(const Error& reason);
  // The mesh changed: whoever waits for this pod's workload looks again. If policies did, or
  // workloads of this node and this pod's record with them, its inbound connections are to be
  // authorized anew: recheck() does that.
  void on_state_change(bool policies, bool local_workloads);
  // Authorizes up to `most` connections anew and cuts those that may not be any more. Returns how
  // many it has looked at.
  std::size_t recheck(std::size_t most);
  // Whether connections wait for recheck().
  bool rechecking() const { return to_recheck_ != 0; }

  const PodInfo& info() const { return info_; }
  std::vector<ConnectionInfo> connections() const;

  // hbone::TunnelOwner, for inbound tunnels.
  h2::Stream* on_request(hbone::Tunnel& tunnel, const h2::Request& request) override;
  void on_tunnel_draining(hbone::Tunnel& tunnel) override;
  void on_tunnel_closed(hbone::Tunnel& tunnel, const Error* reason) override;

  // What follows is for the parts of a pod proxy: outbound, inbound, passthrough.

  net::Worker& worker() { return environment_.tunnels.worker; }
  Environment& environment() { return environment_; }
  const Settings& settings() const { return environment_.settings; }
  const net::Netns& netns() const { return netns_; }
  const net::SocketOptions& socket_options() const { return socket_; }
  // Whether this pod takes streams for that target at all.
  bool serves(const state::InboundTarget& target) const;
  hbone::Pool& pool() { return pool_; }
  // This pod's record, or null when the mesh does not know it.
  state::WorkloadPtr workload() const;
  // Waits for it; null at the deadline or when the pod goes away.
  net::Async<state::WorkloadPtr> await_workload();
  // What to say when there was none.
  Error why_no_workload() const;
  // The counters of a connection with these facts.
  metrics::TrafficCounters& counters(const Facts& facts);
  // From here on the connection is part of the registry; it leaves when it is destroyed.
  void add_connection(Connection& connection) { connections_.push_back(connection); }
  // A connection or an attempt has ended: the pod may be idle now.
  void check_idle();
  // Evaluates policy for an inbound connection and logs the decision.
  Result<void> authorize(const state::Workload& workload, const state::ConnectionFacts& facts);
  // The source address to connect to the application from, if it shall see the client's.
  std::optional<IpAddress> spoofed_source(const SocketAddress& client,
                                          const SocketAddress& application) const;
  // Keeps an inbound tunnel until it closes.
  void adopt(std::unique_ptr<hbone::Tunnel> tunnel, OpenSocket socket);
  metrics::Gauge& socket_gauge(metrics::Reporter reporter) {
    return *environment_.sockets_open[static_cast<std::size_t>(reporter)];
  }
  OpenSocket count_socket(metrics::Reporter reporter) { return OpenSocket(socket_gauge(reporter)); }
  // The baggage header value that describes `workload`.
  const std::string& baggage(const state::WorkloadPtr& workload);

  // Counts an attempt to open a connection for as long as it lives: made when the attempt is
  // queued, so that the pod proxy is still there when it runs.
  class Attempt {
   public:
    explicit Attempt(PodProxy& pod) : pod_(&pod) { ++pod.attempts_; }
    Attempt(Attempt&& other) noexcept : pod_(std::exchange(other.pod_, nullptr)) {}
    ~Attempt() {
      if (pod_ == nullptr) return;
      --pod_->attempts_;
      pod_->check_idle();
    }

   private:
    PodProxy* pod_;
  };
  // A wait before there is a Connection that stop() could cut: stop() cancels it.
  class Stoppable : public boost::intrusive::list_base_hook<
                        boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    explicit Stoppable(PodProxy& pod) { pod.stoppable_.push_back(*this); }
    net::Cancellation& cancellation() { return cancellation_; }

   private:
    net::Cancellation cancellation_;
  };
  // Once true nothing may begin: what is open has been ended, and nobody looks again.
  bool stopped() const { return stopped_; }
  // stop() cancels those that are in progress.
  Handshakes& handshakes() { return handshakes_; }
  net::OverloadLog& overload_log() { return overload_log_; }

 private:
  using Handler = net::Async<void> (*)(PodProxy&, Attempt, UniqueFd, SocketAddress);
  Result<std::unique_ptr<net::Listener>> listen(std::uint16_t port, bool transparent,
                                                std::string_view name, Handler handler);
  Result<void> start_listeners();
  Result<void> start_dns();
  void recheck(Connection& connection, const state::WorkloadPtr& current);
  void warn_missing(std::vector<Name> missing);
  ConnectionInfo describe(const Connection& connection) const;

  Environment& environment_;
  const PodInfo info_;
  const net::Netns netns_;
  net::SocketOptions socket_;  // constant after construction
  const std::function<void()> on_idle_;
  hbone::Pool pool_;
  TrafficCache traffic_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<DnsServer> dns_;  // null where queries are not for us
  struct InboundTunnel {
    std::unique_ptr<hbone::Tunnel> tunnel;
    OpenSocket socket;
  };
  std::unordered_map<hbone::Tunnel*, InboundTunnel> inbound_tunnels_;
  ConnectionList connections_;
  std::size_t to_recheck_ = 0;    // of connections_, from its front on; may count some that ended
  state::WorkloadPtr judged_as_;  // the record when connections were last to be rechecked
  std::vector<net::OneShot<bool>*> waiting_;  // in the frames of await_workload()
  boost::intrusive::list<Stoppable, boost::intrusive::constant_time_size<false>> stoppable_;
  std::size_t attempts_ = 0;
  Handshakes handshakes_;
  net::OverloadLog overload_log_;
  std::vector<Name> missing_;      // policies that are listed and unknown, and were warned of
  state::WorkloadPtr baggage_of_;  // whose baggage_ is
  std::string baggage_;
  bool spoof_ = false;
  bool draining_ = false;
  bool stopped_ = false;
  bool pool_closed_ = false;
  bool idle_announced_ = false;
};

// A CONNECT request of `pod`'s inbound `tunnel`: as hbone::TunnelOwner::on_request.
h2::Stream* accept_stream(PodProxy& pod, hbone::Tunnel& tunnel, const h2::Request& request);

// Handlers of the three listeners.
net::Async<void> serve_outbound(PodProxy& pod, PodProxy::Attempt attempt, UniqueFd client,
                                SocketAddress peer);
net::Async<void> serve_plaintext(PodProxy& pod, PodProxy::Attempt attempt, UniqueFd client,
                                 SocketAddress peer);
net::Async<void> serve_hbone(PodProxy& pod, PodProxy::Attempt attempt, UniqueFd client,
                             SocketAddress peer);

}  // namespace culvert::proxy
