// culvertctl: the tool for people and hosts without Kubernetes.
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace culvert::cli {
namespace {

void add_version(CLI::App& app) {
  app.add_subcommand("version", "print the version")->callback([] {
    std::cout << "culvertctl " CULVERT_VERSION "\n";
  });
}

int run(int argc, char** argv) {
  CLI::App app("Culvert: a node proxy that puts pods into an mTLS mesh, and what belongs to it",
               "culvertctl");
  app.require_subcommand(1);
  int exit_code = 0;
  add_demo(app, exit_code);
  add_control(app, exit_code);
  add_agent(app, exit_code);
  add_enrolment(app, exit_code);
  add_inspection(app, exit_code);
  add_explain(app, exit_code);
  add_log(app, exit_code);
  add_version(app);
  add_demo_server(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}

}  // namespace
}  // namespace culvert::cli

int main(int argc, char** argv) { return culvert::cli::run(argc, argv); }
