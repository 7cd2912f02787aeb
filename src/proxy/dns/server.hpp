// Answers a pod's DNS queries: from the mesh where that knows the name, else by passing them on to
// the pod's resolvers. Listens inside the pod, beside the pod's other listeners.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "culvert/net/datagrams.hpp"
#include "culvert/net/listener.hpp"
#include "culvert/net/overload_log.hpp"
#include "culvert/proxy/settings.hpp"
#include "proxy/dns/forwarder.hpp"
#include "proxy/dns/record.hpp"
#include "proxy/dns/session.hpp"

namespace culvert::proxy {

// One pod on one worker. Who asks is the pod, whatever its source address: only its own network
// namespace can reach the listeners, or where they have other addresses than loopback, only the
// pod's own addresses are answered. What waits for an answer keeps the pod, so that the pod is not
// idle before. Worker thread only.
class DnsServer final : private net::DatagramOwner, private SessionOwner, private FlightOwner {
 public:
  // Queries that wait for the mesh to know their pod, and connections, at one time.
  static constexpr std::size_t kMostWaiting = 512;
  static constexpr std::size_t kMostSessions = 64;

  DnsServer(PodProxy& pod, const DnsSettings& settings);
  ~DnsServer();

  // Opens the listeners inside the pod. On error the server is useless.
  Result<void> start();
  // No new queries; those that have come are answered.
  void drain();
  // Likewise, but unanswered.
  void stop();
  // The mesh changed: queries that wait for this pod's workload look again.
  void on_state_change();

 private:
  // What could be said at once.
  enum class Asked : std::uint8_t { answered, pending, silence };

  void on_datagram(net::Datagrams& socket, Bytes bytes, const net::ReturnPath& from) override;
  void on_datagrams_read() override;
  bool on_query(DnsSession& session, Bytes query) override;
  void on_queries_read() override;
  void on_session_end(DnsSession& session) override;
  void on_landed(Flight& flight, dns::Message answer, bool failed) override;

  std::vector<SocketAddress> addresses() const;
  Result<void> listen(const SocketAddress& address);
  void accept(UniqueFd client, const SocketAddress& peer);
  bool is_own(const IpAddress& source) const;

  Asked ask(Bytes bytes, AskedBy by);
  Asked decide(Bytes bytes, dns::Query query, AskedBy by);
  Asked wait(Question question);
  Asked pass_on(Question question);
  Asked refuse(const Question& question, std::string_view why);
  void expire();
  void arm_expiry();
  void land(const Question& question, dns::Message answer, bool failed);
  void reply(const AskedBy& by, dns::Message answer);
  void say_full(std::string_view what);
  dns::ResolversPtr resolvers() const;
  void close_when_done();

  PodProxy& pod_;
  const DnsSettings& settings_;
  DnsRecord record_;
  net::OverloadLog overload_log_;
  std::vector<std::unique_ptr<net::Datagrams>> sockets_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::uint64_t sessions_made_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<DnsSession>> sessions_;
  std::deque<Question> waiting_;  // for the pod's workload; the oldest first
  net::Timer expiry_;             // of the first of them
  Forwarder forwarder_;
  bool draining_ = false;
};

}  // namespace culvert::proxy
