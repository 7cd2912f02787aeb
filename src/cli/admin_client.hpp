// How the commands that look at a daemon reach it.
#pragma once

#include "cli/http.hpp"
#include "culvert/base/result.hpp"

#include <string>

namespace CLI {
class App;
}

namespace culvert::cli {

// Where a daemon's admin endpoint is.
struct AdminTarget {
  std::string address = "127.0.0.1:15000";
  std::string netns;  // a namespace by name; empty: this one
  std::string pid;    // or that of a process
};

// Adds --admin, --netns and --pid to `command`. `target` must outlive the parse.
void add_admin_options(CLI::App& command, AdminTarget& target);

// One request to the daemon. Errc::unavailable when none answers, with what to look at.
Result<HttpResponse> ask_daemon(const AdminTarget& target, const HttpRequest& request);
// The same to another port of the same daemon.
Result<HttpResponse> ask_daemon(const AdminTarget& target, const HttpRequest& request,
                                std::uint16_t port);

}  // namespace culvert::cli
