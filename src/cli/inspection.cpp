// The commands that show what a daemon knows: one config dump, many views.
#include "cli/admin_client.hpp"
#include "cli/commands.hpp"
#include "cli/views.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace culvert::cli {
namespace {

struct View {
  const char* name;
  const char* help;
  const char* section;  // of the dump, for --json; null: all of it
  std::string (*show)(const nlohmann::json&);
};

constexpr std::array kViews{
    View{"status", "a daemon at a glance: readiness, what it holds, its pods", nullptr,
         view_status},
    View{"workloads", "the workloads a daemon knows", "workloads", view_workloads},
    View{"services", "the services a daemon knows", "services", view_services},
    View{"policies", "the authorization policies a daemon knows", "policies", view_policies},
    View{"certificates", "the certificates a daemon holds", "certificates", view_certificates},
    View{"connections", "the connections a daemon carries now", "workloadState", view_connections},
};

int complain(const View& view, const std::string& what) {
  std::cerr << "culvertctl " << view.name << ": " << what << '\n';
  return 1;
}

// Whether the daemon is ready; says so where a person reads.
bool is_ready(const AdminTarget& target, bool aloud) {
  const auto ready = ask_daemon(target, {.target = "/healthz/ready", .headers = {}}, 15021);
  if (aloud)
    std::cout << (ready ? ready->body : "readiness unknown: " + ready.error().detail + "\n");
  return ready && ready->status == 200;
}

int run(const View& view, const AdminTarget& target, bool as_json) {
  const auto response = ask_daemon(target, {.target = "/config_dump", .headers = {}});
  if (!response) return complain(view, response.error().detail);
  if (response->status != 200)
    return complain(view, "the daemon answers " + std::to_string(response->status));
  const auto dump = nlohmann::json::parse(response->body, nullptr, false);
  if (dump.is_discarded()) return complain(view, "the daemon's config dump is not JSON");
  const bool well = view.section != nullptr || is_ready(target, !as_json);
  if (as_json) {
    const bool whole = view.section == nullptr || !dump.contains(view.section);
    std::cout << (whole ? dump : dump[view.section]).dump(2) << '\n';
    return well ? 0 : 1;
  }
  std::cout << view.show(dump);
  return well ? 0 : 1;
}

}  // namespace

void add_inspection(CLI::App& app, int& exit_code) {
  for (const auto& view : kViews) {
    struct Arguments {
      AdminTarget target;
      bool as_json = false;
    };
    const auto arguments = std::make_shared<Arguments>();
    auto* command = app.add_subcommand(view.name, view.help);
    add_admin_options(*command, arguments->target);
    command->add_flag("--json", arguments->as_json, "the daemon's own JSON instead of a table");
    command->callback([arguments, &view, &exit_code] {
      exit_code = run(view, arguments->target, arguments->as_json);
    });
  }
}

}  // namespace culvert::cli
