// TLS handshakes in progress with the peers of one pod on one worker: how many there may be, and
// who makes room. Nobody has an identity yet, so anyone can begin them.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <unordered_map>

#include "culvert/base/address.hpp"
#include "culvert/net/cancellation.hpp"

namespace culvert::proxy {

// Worker thread only. One source has at most an eighth of the places. When all are taken, the
// oldest handshake makes room for a newcomer: an honest one takes milliseconds, so that whoever
// stalls, from however many addresses, locks out only itself.
class Handshakes {
 public:
  // A place among them, for as long as it lives. The handshake ends by its cancellation.
  class Place : public boost::intrusive::list_base_hook<> {
   public:
    Place(Handshakes& all, const IpAddress& source);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // False: there was no place to be had; do not begin.
    bool held() const { return held_; }
    // Whether a newer one has taken the place.
    bool displaced() const { return displaced_; }
    net::Cancellation& cancellation() { return cancellation_; }

   private:
    friend class Handshakes;
    Handshakes& all_;
    const IpAddress source_;
    net::Cancellation cancellation_;
    bool displaced_ = false;
    const bool held_;
  };

  // `most` at a time; must not be 0.
  explicit Handshakes(std::size_t most) : most_(most) {}

  // Ends all of them with `reason`.
  void cancel(const Error& reason);

 private:
  bool begin(Place& place);
  void end(Place& place);

  const std::size_t most_;
  std::size_t in_progress_ = 0;           // with those that were displaced and have not ended yet
  boost::intrusive::list<Place> places_;  // the oldest first, without the displaced
  std::unordered_map<IpAddress, std::size_t> from_;
};

}  // namespace culvert::proxy
