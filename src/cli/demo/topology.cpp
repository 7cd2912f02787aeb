#include "cli/demo/topology.hpp"

#include "cli/demo/process.hpp"

#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

namespace culvert::cli::demo {
namespace {

const std::string kNames = "/run/netns/";
const std::string kFiles = "/etc/netns/";  // what `ip netns exec` puts in the place of /etc's own

struct Plan {
  const char* name;
  const char* netns;
  const char* v4;
  const char* v6;
};

constexpr Plan kPlaces[] = {
    {"wire", "culvert-wire", "198.18.0.1", "2001:2::1"},
    {"node-a", "culvert-node-a", "198.18.10.2", "2001:2:0:10::2"},
    {"node-b", "culvert-node-b", "198.18.20.2", "2001:2:0:20::2"},
    {"client", "culvert-pod-client", "198.18.1.10", "2001:2:0:1::10"},
    {"server", "culvert-pod-server", "198.18.2.10", "2001:2:0:2::10"},
};

Result<void> ip(const std::vector<std::string>& options, const std::string& commands) {
  Command command;
  command.words = {"ip"};
  command.words.insert(command.words.end(), options.begin(), options.end());
  if (!commands.empty()) command.words.insert(command.words.end(), {"-batch", "-"});
  const auto finished = run(command, commands);
  if (!finished) return finished.error();
  if (finished->exit_code == 0) return {};
  const auto code = finished->output.find("Operation not permitted") != std::string::npos
                        ? Errc::permission
                        : Errc::io;
  return fail(code, "ip: " + finished->output);
}

// Everybody forwards, and addresses are usable at once: no link has duplicates to detect.
Result<void> set_up_kernel(const Place& place) {
  return host::run_in_netns(place.fd(), []() -> Result<void> {
    constexpr std::pair<const char*, const char*> kSettings[] = {
        {"/proc/sys/net/ipv4/ip_forward", "1"},
        {"/proc/sys/net/ipv6/conf/all/forwarding", "1"},
        {"/proc/sys/net/ipv6/conf/all/accept_dad", "0"},
        {"/proc/sys/net/ipv6/conf/default/accept_dad", "0"}};
    for (const auto& [file, value] : kSettings) {
      FILE* setting = std::fopen(file, "we");
      if (setting == nullptr) return fail_errno(file, errno);
      std::fputs(value, setting);
      std::fclose(setting);
    }
    return {};
  });
}

// The link between the wire and one node. `net` is "10" or "20"; `pods` the node's pod network.
Result<void> join_node(const Place& wire, const Place& node, const std::string& net,
                       const std::string& pods) {
  const auto port = "to-" + node.name;
  const auto v4 = "198.18." + net + ".";
  const auto v6 = "2001:2:0:" + net + "::";
  auto done =
      ip({"-n", wire.netns}, "link add " + port + " type veth peer name eth0 netns " + node.netns +
                                 "\naddr add " + v4 + "1/24 dev " + port + "\naddr add " + v6 +
                                 "1/64 dev " + port + " nodad\nlink set " + port + " up\n");
  if (!done) return done;
  done =
      ip({"-n", node.netns}, "addr add " + v4 + "2/24 dev eth0\naddr add " + v6 +
                                 "2/64 dev eth0 nodad\nlink set eth0 up\nroute add default via " +
                                 v4 + "1\nroute add ::/0 via " + v6 + "1\n");
  if (!done) return done;
  return ip({"-n", wire.netns}, "route add 198.18." + pods + ".0/24 via " + v4 +
                                    "2\nroute add 2001:2:0:" + pods + "::/64 via " + v6 + "2\n");
}

// A pod behind its node, as a Kubernetes network plugin does it: host routes over a veth pair.
Result<void> join_pod(const Place& node, const Place& pod, const std::string& net) {
  const auto gateway4 = "198.18." + net + ".1";
  const auto gateway6 = "2001:2:0:" + net + "::1";
  auto done = ip({"-n", node.netns},
                 "link add pod0 type veth peer name eth0 netns " + pod.netns + "\naddr add " +
                     gateway4 + "/32 dev pod0\naddr add " + gateway6 +
                     "/128 dev pod0 nodad\nlink set pod0 up\nroute add " + pod.v4.to_string() +
                     "/32 dev pod0\nroute add " + pod.v6.to_string() + "/128 dev pod0\n");
  if (!done) return done;
  return ip({"-n", pod.netns},
            "addr add " + pod.v4.to_string() + "/32 dev eth0\naddr add " + pod.v6.to_string() +
                "/128 dev eth0 nodad\nlink set eth0 up\n" + "route add " + gateway4 +
                "/32 dev eth0\nroute add default via " + gateway4 + "\nroute add " + gateway6 +
                "/128 dev eth0\nroute add ::/0 via " + gateway6 + "\n");
}

// Programs in a pod would read this machine's own files else: resolvers that no route leads to from
// there, or systemd-resolved, which they reach past the network. Nobody answers DNS at the wire.
Result<void> write_files(const Place& pod, const Place& wire) {
  const auto directory = kFiles + pod.netns;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail_errno("make " + directory, error.value());
  const std::pair<const char*, std::string> files[] = {
      {"/resolv.conf", "nameserver " + wire.v4.to_string() + "\n"},
      {"/nsswitch.conf", "hosts: files dns\n"}};
  for (const auto& [name, text] : files) {
    std::ofstream file(directory + name);
    if (!(file << text)) return fail(Errc::io, "cannot write " + directory + name);
  }
  return {};
}

Result<Place> make_place(const Plan& plan) {
  if (auto made = ip({"netns", "add", plan.netns}, ""); !made) return made.error();
  const std::string addresses = std::string(plan.name) == "wire"
                                    ? std::string("addr add ") + plan.v4 + "/32 dev lo\naddr add " +
                                          plan.v6 + "/128 dev lo nodad\n"
                                    : std::string();
  if (auto up = ip({"-n", plan.netns}, "link set lo up\n" + addresses); !up) return up.error();
  auto open = host::Netns::open({host::NetnsRef::Kind::name, plan.netns});
  if (!open) return open.error();
  return Place{plan.name, plan.netns, IpAddress::parse(plan.v4).value(),
               IpAddress::parse(plan.v6).value(), std::move(*open)};
}

void end_processes(host::NetnsId id) {
  for (auto pid = host::find_process_in(id); pid && *pid; pid = host::find_process_in(id))
    if (::kill(**pid, SIGKILL) != 0 && errno != ESRCH) return;
}

}  // namespace

void Topology::remove() {
  for (const auto& name : remains()) {
    const auto there = host::Netns::open({host::NetnsRef::Kind::name, name});
    // Only programs of the demo live in its namespaces.
    if (there) end_processes(there->id());
    // A file that is no namespace (any more) goes as well: it would be in the way of the next one.
    Command command;
    command.words = {"ip", "netns", "del", name};
    static_cast<void>(run(command));
  }
  std::error_code ignored;
  for (const auto& plan : kPlaces) std::filesystem::remove_all(kFiles + plan.netns, ignored);
  std::filesystem::remove(kFiles, ignored);  // unless there is something else in it
}

std::vector<std::string> Topology::remains() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& plan : kPlaces)
    if (std::filesystem::exists(std::filesystem::symlink_status(kNames + plan.netns, ignored)))
      names.emplace_back(plan.netns);
  return names;
}

Result<Topology> Topology::make() {
  remove();
  Topology topology;  // whatever fails below, it takes down what was made by then
  for (const auto& plan : kPlaces) {
    auto place = make_place(plan);
    if (!place) return place.error();
    topology.places_.push_back(std::move(*place));
  }
  const auto& t = topology;
  for (const auto& place : t.places_)
    if (auto done = set_up_kernel(place); !done) return done.error();
  if (auto done = join_node(t.wire(), t.node_a(), "10", "1"); !done) return done.error();
  if (auto done = join_node(t.wire(), t.node_b(), "20", "2"); !done) return done.error();
  if (auto done = join_pod(t.node_a(), t.client(), "1"); !done) return done.error();
  if (auto done = join_pod(t.node_b(), t.server(), "2"); !done) return done.error();
  for (const auto* pod : {&t.client(), &t.server()})
    if (auto done = write_files(*pod, t.wire()); !done) return done.error();
  return topology;
}

Topology::~Topology() {
  if (!kept_) remove();
}

}  // namespace culvert::cli::demo
