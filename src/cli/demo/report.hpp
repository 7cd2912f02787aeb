// What the demo tells the person who runs it, and the tally of its checks.
#pragma once

#include <string>

namespace culvert::cli::demo {

class Report {
 public:
  // A numbered heading.
  void step(const std::string& title);
  // A line of explanation.
  void say(const std::string& text) const;
  // Output of something else, indented.
  void quote(const std::string& text) const;
  // One thing that must hold; returns `good`.
  bool check(bool good, const std::string& what);
  // The last line: what it all came to.
  void summary() const;

  int failed() const { return failed_; }

 private:
  int steps_ = 0;
  int passed_ = 0;
  int failed_ = 0;
};

}  // namespace culvert::cli::demo
