// The logging front: targets with a level each, structured fields, two output formats. Behind it is
// one thread that writes, so that no caller ever waits for the reader of the log.
#pragma once

#include "culvert/base/result.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace culvert::log {

enum class Level : std::uint8_t { off, error, warn, info, debug, trace };

// A named source of log lines, e.g. "access" or "proxy::inbound". Make each one a namespace-scope
// `inline`/static object: it registers itself, and the filter sets its level. Any thread.
class Target {
 public:
  explicit Target(std::string_view name);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  // One relaxed load: check before building fields.
  bool enabled(Level level) const { return level <= level_.load(std::memory_order_relaxed); }
  std::string_view name() const { return name_; }

 private:
  friend class Filter;
  std::string_view name_;  // a string literal, lives for ever
  std::atomic<Level> level_{Level::info};
};

// One key and value of a line. Views only: must outlive the call to write().
struct Field {
  enum class Kind : std::uint8_t { quoted, bare, number };
  std::string_view key;
  std::string_view text;  // quoted, bare
  std::int64_t number = 0;
  Kind kind = Kind::quoted;
};
// A string value: "quoted" in plain output, a JSON string otherwise.
inline Field str(std::string_view key, std::string_view value) {
  return {key, value, 0, Field::Kind::quoted};
}
// A value shown as it is in plain output (addresses), a JSON string otherwise.
inline Field bare(std::string_view key, std::string_view value) {
  return {key, value, 0, Field::Kind::bare};
}
// An integer; a JSON number.
inline Field num(std::string_view key, std::int64_t value) {
  return {key, {}, value, Field::Kind::number};
}

// Writes one line if `target` is enabled for `level`. Never blocks on a slow reader: 8 MiB of lines
// may wait for it (more than 10,000 of the access log), then the oldest are dropped and counted,
// and a line in their place says how many. Control characters in values are escaped, so that no
// peer can forge a line.
void write(Level level, const Target& target, std::string_view message,
           std::span<const Field> fields);
inline void write(Level level, const Target& target, std::string_view message,
                  std::initializer_list<Field> fields = {}) {
  if (target.enabled(level))
    write(level, target, message, std::span(fields.begin(), fields.size()));
}
inline void error(const Target& t, std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::error, t, m, f);
}
inline void warn(const Target& t, std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::warn, t, m, f);
}
inline void info(const Target& t, std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::info, t, m, f);
}
inline void debug(const Target& t, std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::debug, t, m, f);
}

// Output formats: tab-separated text, or one JSON object a line.
enum class Format : std::uint8_t { plain, json };

// Starts the writer on stdout (or on `fd`, for tests). Before this, lines go to stderr,
// synchronously. Call once, from main, before threads exist. `fd` must stay open until stop(), and
// for ever where stop() gave up.
void start(Format format, int fd = 1);
// Writes what is queued and stops the writer thread; waits at most this long for the reader, then
// drops what is left. After this, lines go to stderr.
void stop(std::chrono::milliseconds most = std::chrono::seconds(1));
// How many lines were dropped because the reader was too slow. Any thread.
std::uint64_t dropped();

// Replaces the filter: comma list of `level` or `target=level`, longest target prefix wins
// (levels off, error, warn, info, debug, trace). Errc::invalid names the bad clause and changes
// nothing.
Result<void> set_filter(std::string_view directives);
// Adds to the filter in force; later clauses override equal targets.
Result<void> add_filter(std::string_view directives);
// The filter in force, most specific first, e.g. "access=debug,info".
std::string filter();

}  // namespace culvert::log
