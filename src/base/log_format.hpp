// The two shapes of a log line. Pure: time and values in, text out.
#pragma once

#include "culvert/base/log.hpp"
#include "culvert/base/time.hpp"

#include <span>
#include <string>
#include <string_view>

namespace culvert::log {

// One event, before it has a shape. Views only.
struct Event {
  WallTime time;
  Level level;
  std::string_view target;
  std::string_view message;
  std::span<const Field> fields;
};

// "off", "error", ... "trace".
std::string_view to_string(Level level);

// Appends "<time>\t<level>\t<target>\t<message>[\t<key=value key=value ...>]\n". Whatever is not
// printable in message or values is escaped, so a line is always one line.
void append_plain(std::string& out, const Event& event);

// Appends one JSON object and a newline: level, time, scope, message, then the fields. Bytes that
// are not UTF-8 become U+FFFD.
void append_json(std::string& out, const Event& event);

// Appends RFC 3339 in UTC with microseconds: "2026-08-22T10:00:00.000000Z". Years 0 to 9999.
void append_time(std::string& out, WallTime time);

}  // namespace culvert::log
