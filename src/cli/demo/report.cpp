#include "cli/demo/report.hpp"

#include <iostream>
#include <sstream>

namespace culvert::cli::demo {

void Report::step(const std::string& title) {
  std::cout << "\n" << ++steps_ << ". " << title << "\n" << std::flush;
}

void Report::say(const std::string& text) const {
  std::cout << "   " << text << "\n" << std::flush;
}

void Report::quote(const std::string& text) const {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) std::cout << "     | " << line << "\n";
  std::cout << std::flush;
}

bool Report::check(bool good, const std::string& what) {
  std::cout << (good ? "   ok    " : "   FAIL  ") << what << "\n" << std::flush;
  ++(good ? passed_ : failed_);
  return good;
}

void Report::summary() const {
  std::cout << "\n" << passed_ << " checks passed, " << failed_ << " failed\n" << std::flush;
}

}  // namespace culvert::cli::demo
