// `culvertctl explain SRC DST:PORT`: why a connection goes where it goes.
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/explanation.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace culvert::cli {
namespace {

struct Arguments {
  AdminTarget target;
  std::string source;
  std::string destination;
};

Result<std::string> ask(const Arguments& arguments) {
  const auto destination = SocketAddress::parse(arguments.destination);
  if (!destination) return destination.error().with(arguments.destination);
  const auto response = ask_daemon(arguments.target, {.target = "/config_dump", .headers = {}});
  if (!response) return response.error();
  if (response->status != 200)
    return fail(Errc::protocol, "the daemon answers " + std::to_string(response->status));
  const auto dump = nlohmann::json::parse(response->body, nullptr, false);
  if (dump.is_discarded()) return fail(Errc::protocol, "the daemon's config dump is not JSON");
  return explain(dump, arguments.source, *destination);
}

}  // namespace

void add_explain(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("explain", "what a daemon does with a connection, and why");
  command->add_option("source", arguments->source, "who connects: NAMESPACE/NAME, or an address")
      ->required();
  command->add_option("destination", arguments->destination, "to where: ADDRESS:PORT")->required();
  add_admin_options(*command, arguments->target);
  command->callback([arguments, &exit_code] {
    const auto answer = ask(*arguments);
    if (!answer) std::cerr << "culvertctl explain: " << answer.error().detail << '\n';
    if (answer) std::cout << *answer;
    exit_code = answer ? 0 : 1;
  });
}

}  // namespace culvert::cli
