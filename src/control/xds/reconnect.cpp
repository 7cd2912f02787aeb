#include "control/xds/reconnect.hpp"

#include <algorithm>

namespace culvert::control {

Duration ReconnectPolicy::doubled() { return pause_ = std::min(pause_ * 2, kLongest); }

Reconnect ReconnectPolicy::next(const StreamEnd& end) {
  if (!end.established) return {XdsTermination::connection_error, doubled()};
  const bool proven = end.lived >= kProven;
  if (end.kind == StreamEnd::Kind::failed) return {XdsTermination::error, doubled()};
  const auto reason =
      end.kind == StreamEnd::Kind::orderly ? XdsTermination::complete : XdsTermination::reconnect;
  if (!proven) return {reason, doubled()};
  pause_ = kSmallest;
  return {reason, end.kind == StreamEnd::Kind::orderly ? Duration{} : kSmallest};
}

std::string_view to_string(XdsTermination reason) {
  switch (reason) {
    case XdsTermination::connection_error:
      return "ConnectionError";
    case XdsTermination::error:
      return "Error";
    case XdsTermination::reconnect:
      return "Reconnect";
    case XdsTermination::complete:
      break;
  }
  return "Complete";
}

}  // namespace culvert::control
