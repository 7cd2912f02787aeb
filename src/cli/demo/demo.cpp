// `culvertctl demo`: the main job with real parts, on one machine, and nothing left behind.
#include "cli/commands.hpp"
#include "cli/demo/cluster.hpp"
#include "cli/demo/report.hpp"
#include "cli/demo/steps.hpp"
#include "cli/demo/topology.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace culvert::cli {
namespace {

using namespace demo;

constexpr const char* kDirectory = "/run/culvert-demo";

struct Arguments {
  bool keep = false;
  bool fast = false;
  bool clean = false;
  std::string bin_directory;
};

int complain(const std::string& what) {
  std::cerr << "culvertctl demo: " << what << '\n';
  return 1;
}

Result<std::string> find_programs(const std::string& given) {
  std::error_code error;
  const std::filesystem::path directory =
      given.empty() ? std::filesystem::read_symlink("/proc/self/exe", error).parent_path()
                    : std::filesystem::absolute(given, error);
  for (const auto* name : {"culvert", "culvertctl"})
    if (!std::filesystem::exists(directory / name, error))
      return fail(Errc::not_found, "there is no " + (directory / name).string() +
                                       ": build it, or say where it is with --bin-dir");
  return directory.string();
}

void clean_up() {
  Topology::remove();
  std::error_code ignored;
  std::filesystem::remove_all(kDirectory, ignored);
}

// Everything of the demo that is still there.
std::vector<std::string> what_is_left() {
  auto left = Topology::remains();
  for (auto& name : left) name = "namespace " + name;
  std::error_code error;
  if (std::filesystem::exists(kDirectory, error)) left.emplace_back(kDirectory);
  return left;
}

int clean() {
  clean_up();
  const auto left = what_is_left();
  for (const auto& what : left) complain("cannot remove " + what);
  if (!left.empty()) return 1;
  std::cout << "nothing of the demo is left\n";
  return 0;
}

Result<void> make_directory() {
  std::error_code error;
  std::filesystem::remove_all(kDirectory, error);
  std::filesystem::create_directories(kDirectory, error);
  if (error) return fail_errno(std::string("make ") + kDirectory, error.value());
  std::filesystem::permissions(kDirectory, std::filesystem::perms::owner_all, error);
  return {};
}

void explain_how_to_play(const Report& report, Cluster& cluster) {
  const auto ctl = cluster.program("culvertctl");
  const auto& b = cluster.node_b();
  report.say("");
  report.say("The mesh is left standing. Things to try:");
  report.quote("ip netns exec culvert-pod-client curl -s http://" + service_name() + "/\n" + ctl +
               " status --netns culvert-node-b\n" + ctl + " connections --netns culvert-node-a\n" +
               "ip netns exec culvert-wire tcpdump -ni " + Topology::tap() + " -A\n" + "tail -f " +
               b.daemon_log + "\n" + ctl + " withdraw --netns " +
               cluster.topology().server().netns + " --control-socket " + b.control_socket);
  report.say("The mesh is " + std::string(kDirectory) + "/mesh.yaml: edit it, it is watched.");
  report.say("This takes it all down:");
  report.quote(ctl + " demo --clean");
}

// Everything between the network and its removal. The exit code.
int show_all(const Arguments& arguments, const Topology& topology, Cluster& cluster,
             Report& report) {
  report.step("Two nodes, two pods, a control plane");
  report.say("node-a " + topology.node_a().v4.to_string() + " with pod client " +
             topology.client().v4.to_string() + ", node-b " + topology.node_b().v4.to_string() +
             " with pod server " + topology.server().v4.to_string() + ";");
  report.say("IPv6 beside it, all in network namespaces of this machine (ip netns list).");
  auto shown = cluster.start();
  if (shown) {
    report.check(true, "both daemons have their configuration and are ready");
    shown = Steps(cluster, report, std::chrono::seconds(arguments.fast ? 2 : 5)).run();
  }
  if (interrupted()) {
    report.say("interrupted: taking everything down");
    return 128 + interrupted_by();  // as a shell reports it
  }
  if (!shown) {
    report.check(false, shown.error().detail);
    for (auto* node : {&cluster.node_a(), &cluster.node_b()}) {
      report.say("the last lines of " + node->place->name + "'s daemon:");
      report.quote(Cluster::tail(node->daemon_log));
    }
  }
  return report.failed() == 0 ? 0 : 1;
}

int run(const Arguments& arguments) {
  if (::geteuid() != 0) return complain("it makes network namespaces: run it as root");
  if (arguments.clean) return clean();
  const auto programs = find_programs(arguments.bin_directory);
  if (!programs) return complain(programs.error().detail);
  watch_for_interrupts();
  // Destroyed in reverse: first the programs end, then the namespaces go.
  auto topology = Topology::make();
  if (!topology) return complain(topology.error().detail);
  if (auto made = make_directory(); !made) return complain(made.error().detail);
  Report report;
  Cluster cluster(*topology, {kDirectory, *programs, arguments.keep});
  int code = show_all(arguments, *topology, cluster, report);
  if (arguments.keep && !interrupted()) {
    explain_how_to_play(report, cluster);
    cluster.release();
    topology->keep();
  } else {
    const auto ended = cluster.stop();
    // One that was told before it had begun to listen for that ends by the signal.
    if (!interrupted()) report.check(ended.has_value(), "the daemons end in order");
    if (!ended) report.quote(ended.error().detail);
    std::error_code ignored;
    std::filesystem::remove_all(kDirectory, ignored);
  }
  report.summary();
  if (report.failed() > 0 && !interrupted()) code = 1;
  return code;
}

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "demo", "show the mesh at work: two nodes, redirection, a control plane, real traffic");
  auto* keep = command->add_flag("--keep", arguments->keep, "leave the mesh standing afterwards");
  command->add_flag("--fast", arguments->fast, "shorter measurements");
  command->add_flag("--clean", arguments->clean, "take down what --keep left")->excludes(keep);
  command->add_option("--bin-dir", arguments->bin_directory,
                      "where culvert and culvertctl are (default: beside this program)");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace culvert::cli
