// Passes on to the pod's resolvers what the mesh does not answer: each question once at a time. Who
// asks the same while it is under way waits for the same answer, so that a resolver that leads back
// here is asked no faster than the tries of one query, and that somebody who guesses at answers has
// one to guess (RFC 5452 section 5).
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

#include "culvert/base/random.hpp"
#include "culvert/dns/exchange.hpp"
#include "proxy/dns/flight.hpp"

namespace culvert::proxy {

// One pod on one worker. Worker thread only.
class Forwarder {
 public:
  // Queries of one pod on one worker that wait for a resolver at one time. A resolver that is
  // silent lets each wait 4.5 s, with a socket or two.
  static constexpr std::size_t kMost = 512;

  // `owner` hears of the flights that land, and hands them back to done().
  Forwarder(FlightOwner& owner, PodProxy& pod) : owner_(owner), pod_(pod) {}
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ >= kMost; }
  // Must not be full. The query leaves with launch(), if it is the first of its kind.
  void add(Question question, dns::ResolversPtr resolvers);
  // Sends all that were added: entering the pod's namespace is paid once for them.
  void launch();
  // The flight has landed, and everybody has been answered: destroys it.
  void done(Flight& flight);
  // Ends all of them unheard.
  void cut();

 private:
  // All that has to be alike: the bytes behind the id, in the flight's own copy.
  using Kind = std::pair<dns::Transport, std::string_view>;
  static Kind kind_of(const Question& question);

  FlightOwner& owner_;
  PodProxy& pod_;
  Entropy entropy_;
  std::size_t count_ = 0;  // questions
  std::map<Kind, Flight*> under_way_;
  boost::intrusive::list<Flight> added_;   // owned; wait for launch()
  boost::intrusive::list<Flight> flying_;  // owned
};

}  // namespace culvert::proxy
