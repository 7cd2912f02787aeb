// How long to wait before the next stream, and what to call the end of the last. No I/O.
#pragma once

#include "culvert/base/time.hpp"
#include "culvert/control/xds.hpp"

#include <chrono>

namespace culvert::control {

// How a stream ended.
struct StreamEnd {
  // Orderly: OK; lost: the usual ways in which a server or network ends a long stream; failed: an
  // error that will probably come again.
  enum class Kind : std::uint8_t { orderly, lost, failed };
  Kind kind = Kind::failed;
  bool established = false;  // something was received, or it stood for a while
  Duration lived{};
};

struct Reconnect {
  XdsTermination reason = XdsTermination::error;
  Duration after{};
};

class ReconnectPolicy {
 public:
  static constexpr Duration kSmallest = std::chrono::milliseconds(10);
  static constexpr Duration kLongest = std::chrono::seconds(15);
  // A stream that stood this long counts as established even if nothing came.
  static constexpr Duration kStood = std::chrono::seconds(15);
  // One that ended sooner than this does not make the pauses short again: a server that accepts,
  // answers and drops in a loop must not be hammered.
  static constexpr Duration kProven = std::chrono::seconds(1);

  Reconnect next(const StreamEnd& end);

 private:
  Duration doubled();
  Duration pause_ = kSmallest;
};

}  // namespace culvert::control
