// `culvertctl log`: shows or changes what a daemon logs, while it runs.
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace culvert::cli {
namespace {

struct Arguments {
  AdminTarget target;
  std::string level;
  bool reset = false;
};

int run(const Arguments& arguments) {
  // Levels and targets need no escaping; anything else is not one of them.
  if (arguments.level.find_first_of(" &?#%") != std::string::npos) {
    std::cerr << "culvertctl log: \"" << arguments.level
              << "\" is not a list of levels such as info or access=debug,info\n";
    return 1;
  }
  HttpRequest request;
  request.method = "POST";
  request.target = "/logging?level=" + arguments.level + (arguments.reset ? "&reset" : "");
  const auto response = ask_daemon(arguments.target, request);
  if (!response) {
    std::cerr << "culvertctl log: " << response.error().detail << '\n';
    return 1;
  }
  (response->status == 200 ? std::cout : std::cerr) << response->body;
  return response->status == 200 ? 0 : 1;
}

}  // namespace

void add_log(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("log", "show or change what a daemon logs");
  command->add_option("level", arguments->level,
                      "off, error, warn, info, debug, trace, or TARGET=LEVEL; comma-separated "
                      "(default: only show)");
  command->add_flag("--reset", arguments->reset, "start from the level at start-up");
  add_admin_options(*command, arguments->target);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace culvert::cli
