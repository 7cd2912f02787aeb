// `culvertctl control`: the embedded control plane as a process.
#include "cli/commands.hpp"
#include "culvert/authority/control_plane.hpp"
#include "culvert/base/descriptors.hpp"
#include "culvert/base/log.hpp"
#include "culvert/base/memory.hpp"

#include <CLI/CLI.hpp>

#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace culvert::cli {
namespace {

// The command line as CLI11 fills it in.
struct ControlArguments {
  std::string config;
  std::string state_dir = "/var/lib/culvert/control";
  std::vector<std::string> listen{"127.0.0.1:15012"};
  std::string token_file;
  std::string trust_domain = "cluster.local";
  std::vector<std::string> dns_names;
  std::int64_t max_ttl_seconds = 24 * 3600;
};

Result<authority::Options> to_options(const ControlArguments& arguments) {
  authority::Options options;
  options.config = arguments.config;
  options.state_dir = arguments.state_dir;
  options.token_file = arguments.token_file;
  options.trust_domain = arguments.trust_domain;
  options.dns_names = arguments.dns_names;
  options.max_ttl = std::chrono::seconds(arguments.max_ttl_seconds);
  for (const auto& text : arguments.listen) {
    const auto address = SocketAddress::parse(text);
    if (!address) return address.error().with("--listen " + text);
    options.listen.push_back(*address);
  }
  return options;
}

// Blocks SIGTERM and SIGINT in this thread and in those it starts, and waits for one of them.
class StopSignals {
 public:
  StopSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGTERM);
    ::sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~StopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void wait() const {
    int signal = 0;
    while (::sigwait(&set_, &signal) != 0) {
    }
  }

 private:
  sigset_t set_;
  sigset_t before_;
};

constexpr auto kStopLimit = std::chrono::seconds(3);

int run(const ControlArguments& arguments) {
  protect_memory();  // the root key will be in it
  auto options = to_options(arguments);
  if (!options) {
    std::cerr << "culvertctl control: " << options.error().detail << '\n';
    return 1;
  }
  const StopSignals signals;
  log::start(log::Format::plain);
  raise_descriptor_limit();  // each node takes two
  const auto plane = authority::ControlPlane::start(std::move(*options));
  if (!plane) {
    log::stop();
    std::cerr << "culvertctl control: " << plane.error().detail << '\n';
    return 1;
  }
  signals.wait();
  // gRPC 1.51 takes up to ten seconds to end while a client does not read. By then the streams have
  // been told, and nothing is lost without the rest; nor without static destructors beside threads.
  std::thread([] {
    std::this_thread::sleep_for(kStopLimit);
    std::_Exit(0);
  }).detach();
  (*plane)->stop();
  log::stop();
  std::_Exit(0);
}

}  // namespace

void add_control(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ControlArguments>();
  auto* command = app.add_subcommand(
      "control", "serve workloads, policies and certificates to nodes, from one YAML file");
  command->add_option("--config", arguments->config, "the mesh: a YAML file, read again on change")
      ->required();
  command
      ->add_option("--state-dir", arguments->state_dir,
                   "where the root key and certificate and the token are kept")
      ->capture_default_str();
  command->add_option("--listen", arguments->listen, "ADDRESS:PORT to serve on; may be repeated")
      ->capture_default_str();
  command->add_option("--token-file", arguments->token_file,
                      "callers' tokens, one a line: TOKEN, or NODE:TOKEN for one that may only act "
                      "for what runs on NODE (default: one is made in the state directory)");
  command
      ->add_option("--trust-domain", arguments->trust_domain,
                   "the trust domain that certificates are issued for")
      ->capture_default_str();
  command->add_option("--dns-name", arguments->dns_names,
                      "another name or IP address for the serving certificate; may be repeated");
  const std::map<std::string, std::int64_t> units{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  command
      ->add_option("--max-ttl", arguments->max_ttl_seconds,
                   "longest life of a workload's certificate, in seconds or with s, m, h or d "
                   "(default: 24h)")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_SENSITIVE));
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace culvert::cli
