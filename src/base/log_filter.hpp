// The log filter: directives such as "info,access=debug" and the level they give a target. The
// directives are a value; the registry of living targets behind set_filter() is in log_filter.cpp.
#pragma once

#include "culvert/base/log.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace culvert::log {

// A list of directives. The longest target prefix wins; what no directive names has the level
// `info` until a bare level says otherwise.
class Directives {
 public:
  // Reads a comma list of `level` or `target=level`; empty clauses and spaces around clauses do not
  // matter. Errc::invalid names the bad clause.
  static Result<Directives> parse(std::string_view text);

  // Adds all of `later`; equal targets are overridden.
  void add(const Directives& later);
  // The level for a target. "ztunnel::x" in a directive means our "x", and "ztunnel" alone means
  // every target but "access" and "dns": filters written for the reference keep their meaning.
  Level level_of(std::string_view target) const;
  // Most specific first, the default last: "access=debug,info".
  std::string to_string() const;

 private:
  struct Directive {
    std::string target;  // as written; empty for the default
    Level level;
  };
  void put(std::string_view target, Level level);
  static Result<Directive> parse_one(std::string_view clause);

  std::vector<Directive> directives_;  // most specific first
};

}  // namespace culvert::log
