// `culvertctl agent`: the node agent as a process.
#include "culvert/host/agent.hpp"

#include "cli/commands.hpp"
#include "culvert/base/descriptors.hpp"
#include "culvert/base/log.hpp"

#include <CLI/CLI.hpp>

#include <signal.h>

#include <iostream>

namespace culvert::cli {
namespace {

int run(const host::AgentOptions& options) {
  // Blocked before threads exist, so that all of them leave these signals to sigwait().
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  log::start(log::Format::plain);
  raise_descriptor_limit();  // each enrolled namespace takes two
  int exit_code = 0;
  {
    const auto agent = host::Agent::start(options);
    if (agent) {
      int signal = 0;
      while (::sigwait(&ending, &signal) != 0) {
      }
    } else {
      std::cerr << "culvertctl agent: " << agent.error().detail << '\n';
      exit_code = 1;
    }
  }
  log::stop();
  return exit_code;
}

}  // namespace

void add_agent(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<host::AgentOptions>();
  auto* command = app.add_subcommand(
      "agent", "keep this node's enrolled namespaces, and tell the daemon about them");
  command->add_option("--zds-socket", options->zds.path, "where daemons connect (their INPOD_UDS)")
      ->capture_default_str();
  command
      ->add_option("--control-socket", options->control_socket,
                   "where culvertctl enroll and withdraw connect")
      ->capture_default_str();
  command
      ->add_option("--state-dir", options->state_dir, "where the enrolments are kept over restarts")
      ->capture_default_str();
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace culvert::cli
