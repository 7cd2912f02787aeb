// One look-up of a hostname by the daemon itself: A and AAAA at the same time, name by name along
// the search list of resolv.conf.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "culvert/base/random.hpp"
#include "culvert/dns/lookup.hpp"
#include "proxy/dns/flight.hpp"

namespace culvert::proxy {

// What came of it.
struct Resolved {
  std::vector<IpAddress> addresses;
  std::chrono::seconds good_for{0};  // 0: nobody has said it for sure, ask again
  std::string trouble;               // why there are none
};

// Worker thread only. Held by a shared pointer, since what it waits for comes from the worker's
// queue; dropping it ends it unheard.
class HostnameSearch final : public std::enable_shared_from_this<HostnameSearch>,
                             private FlightOwner {
 public:
  // All names and tries together: a connection waits for it.
  static constexpr Duration kLongest = std::chrono::seconds(5);

  // `pod` is who needs it first, and stays as long as this lives. `done` is called once, from the
  // worker's queue. `resolvers` may be null.
  HostnameSearch(PodProxy& pod, std::string_view hostname, bool ipv6, dns::ResolversPtr resolvers,
                 std::function<void(Resolved)> done);
  void start();

 private:
  void on_landed(Flight& flight, dns::Message answer, bool failed) override;
  void ask_next_name();
  void ask(const std::string& name, std::uint16_t type);
  void note(const dns::Found& found);
  // The next step, from the worker's queue: unless it is over by then.
  void later(void (HostnameSearch::*step)());
  void give_up();
  void finish();

  PodProxy& pod_;
  const PodProxy::Attempt alive_;
  net::Worker& worker_;  // the pod's; outlives it
  const bool ipv6_;
  const dns::ResolversPtr resolvers_;
  std::function<void(Resolved)> done_;  // null once it has been called
  // The node's own namespace, where nothing is redirected.
  const net::Netns netns_;
  const net::SocketOptions socket_;
  Entropy entropy_;
  std::vector<std::string> names_;
  std::size_t next_ = 0;  // of names_
  std::vector<std::unique_ptr<Flight>> flying_;
  Resolved resolved_;
  net::Timer limit_;
};

}  // namespace culvert::proxy
