// When which certificate is requested: the certificate manager without I/O, clock and keys.
//
// Why alone: priorities, the limit on requests, renewal, back-off and forgetting meet in one place,
// and none of them can be seen from outside within a test's lifetime.
//
// Invariants: at most `max_in_flight` requests are under way; each Request given is answered by
// exactly one call of succeeded() or failed(), and an answer to a forgotten one changes nothing.
#pragma once

#include "control/certificates/backoff.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/base/random.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"
#include "culvert/tls/certificate_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace culvert::control {

// Both clocks at one instant: pauses are monotonic, certificates are dated by the calendar.
struct Now {
  TimePoint steady;
  WallTime wall;
};

class CertificateSchedule {
 public:
  // What a caller of want() has to do.
  enum class Answer : std::uint8_t {
    held,    // use the certificate that is held
    wait,    // the answer comes with succeeded(), failed() or a dropped identity
    failed,  // there is none: last_error()
  };
  struct Request {
    Identity identity;
    std::uint64_t token;
  };
  struct Lifetime {
    WallTime not_before;
    WallTime not_after;
    WallTime refresh_at;
  };
  // What a finished request means for the identity.
  enum class Outcome : std::uint8_t {
    ignored,      // it was forgotten meanwhile: drop the certificate
    available,    // a new certificate is to be used
    kept,         // the request failed but the held certificate is still good
    unavailable,  // the request failed and there is none
  };

  CertificateSchedule(std::size_t max_in_flight, Duration linger, std::uint64_t seed)
      : max_in_flight_(max_in_flight), linger_(linger), random_(seed) {}

  // Somebody needs `identity`: schedules what is missing, raises the priority of what waits, and
  // takes back a forget().
  Answer want(const Now& now, const Identity& identity, tls::Priority priority);
  // Nobody needs it any more. True: nothing is held, so it is gone at once and waiters must be
  // told. Otherwise expired() reports it after the linger time.
  bool forget(const Now& now, const Identity& identity);
  // Identities whose linger time is over; they are gone.
  std::vector<Identity> expired(const Now& now);
  // Requests to send now.
  std::vector<Request> due(const Now& now);
  Outcome succeeded(const Now& now, const Request& request, const Lifetime& lifetime);
  Outcome failed(const Now& now, const Request& request, const std::string& why);

  // When due() or expired() may have something new. Never later than a minute from `now` while
  // anything is held, so that a calendar clock that was set is noticed.
  std::optional<TimePoint> deadline(const Now& now) const;
  // "Initializing", "Available", "Unavailable: <why>"; empty for unknown identities.
  std::string state(const Identity& identity) const;
  // Why the last request failed.
  std::string last_error(const Identity& identity) const;
  std::size_t in_flight() const { return in_flight_; }

 private:
  enum class State : std::uint8_t { initializing, available, unavailable };
  struct Entry {
    State state = State::initializing;
    tls::Priority priority = tls::Priority::background;
    std::uint64_t token = 0;               // of the request under way, 0 = none
    TimePoint due{};                       // when no request is under way
    std::optional<WallTime> renew;         // instead of `due`, while a certificate is held
    WallTime not_after{};                  // of what is held
    std::optional<TimePoint> forgotten{};  // when it goes
    Backoff backoff;
    std::string error;
  };
  using Entries = std::unordered_map<Identity, Entry>;

  static bool holds(const Entry& entry, const Now& now) {
    return entry.state == State::available && now.wall < entry.not_after;
  }
  static bool is_due(const Entry& entry, const Now& now);
  Entry* finish(const Request& request);

  const std::size_t max_in_flight_;
  const Duration linger_;
  Random random_;
  Entries entries_;
  std::size_t in_flight_ = 0;
  std::uint64_t last_token_ = 0;
};

}  // namespace culvert::control
