// `culvertctl agent`: the node agent as a process.
#include "culvert/host/agent.hpp"

#include "cli/commands.hpp"
#include "culvert/base/log.hpp"

#include <CLI/CLI.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <cerrno>
#include <iostream>

namespace culvert::cli {
namespace {

// Each enrolled namespace takes two descriptors: the usual limit of 1,024 would end with some 500.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    std::cerr << "culvertctl agent: " << fail_errno("raise the limit of open files", errno).detail
              << '\n';
}

int run(const host::AgentOptions& options) {
  // Blocked before threads exist, so that all of them leave these signals to sigwait().
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  raise_descriptor_limit();
  log::start(log::Format::plain);
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
