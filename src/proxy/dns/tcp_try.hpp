// A try at a resolver over TCP: for queries that came over TCP, and for answers that were too long
// for a datagram.
#pragma once

#include <cstddef>
#include <memory>

#include "culvert/dns/exchange.hpp"
#include "culvert/net/cancellation.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

class Flight;
struct Departure;

// Shared by the flight and the coroutine that asks; the flight may go first. Worker thread only.
class TcpTry {
 public:
  TcpTry(Flight& flight, const Departure& from, dns::Exchange::Ask ask, TimePoint deadline);

  // The flight goes away: nobody is told any more.
  void abandon();

  // Connects, asks, waits for the answer, tells the flight. `attempt` keeps the pod.
  static net::Async<void> run(PodProxy& pod, PodProxy::Attempt attempt,
                              std::shared_ptr<TcpTry> self);

 private:
  net::Async<Result<dns::Message>> exchange(PodProxy& pod);

  const net::Netns netns_;
  const net::SocketOptions socket_;
  const dns::Exchange::Ask ask_;
  const TimePoint deadline_;
  Flight* flight_;  // null once abandoned
  net::Cancellation cancellation_;
};

}  // namespace culvert::proxy
