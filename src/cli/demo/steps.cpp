#include "cli/demo/steps.hpp"

#include "cli/demo/capture.hpp"
#include "cli/demo/held_connection.hpp"

#include <cstdio>

namespace culvert::cli::demo {
namespace {

constexpr const char* kSecret = "a-secret-that-must-not-be-readable";
constexpr const char* kSecretBackwards = "elbadaer-eb-ton-tsum-taht-terces-a";  // the answer's
constexpr auto kCutLimit = std::chrono::seconds(5);
constexpr const char* kClientId = "spiffe://cluster.local/ns/demo/sa/client";
constexpr const char* kServerId = "spiffe://cluster.local/ns/demo/sa/server";

std::string in_quotes(const char* key, const char* value) {
  return std::string(key) + "=\"" + value + "\"";
}

bool sealed(const Sight& sight) {
  return sight.readable_requests == 0 && sight.readable_answers == 0;
}

std::string row(const char* name, const Latency& latency) {
  char text[128];
  std::snprintf(text, sizeof(text), "%-14s %7.2f ms %7.2f ms %7.2f ms   %6.0f/s", name, latency.p50,
                latency.p90, latency.p99, latency.rate);
  return text;
}

}  // namespace

Result<void> Steps::run() {
  constexpr Result<void> (Steps::* kOrder[])() = {
      &Steps::plain_traffic, &Steps::enroll, &Steps::mesh_traffic, &Steps::name,
      &Steps::identities,    &Steps::policy, &Steps::live,         &Steps::latency};
  for (const auto step : kOrder) {
    if (interrupted()) return fail(Errc::cancelled, "interrupted");
    if (auto done = (this->*step)(); !done) return done;
  }
  return {};
}

SocketAddress Steps::server(bool v6) const {
  const auto& place = cluster_.topology().server();
  return {v6 ? place.v6 : place.v4, 8080};
}

Result<void> Steps::show(const Node& node, const std::vector<std::string>& words) {
  std::string line;
  const auto finished = cluster_.ctl(node, words, line);
  if (!finished) return finished.error();
  report_.quote(node.place->name + "# " + line + "\n" + finished->output);
  if (finished->exit_code == 0) return {};
  return fail(Errc::io, words[0] + " failed on " + node.place->name + ": " + finished->output);
}

Result<Sight> Steps::tapped(const std::string& what, const std::vector<SocketAddress>& targets) {
  auto capture =
      Capture::start(cluster_.topology().wire().fd(), Topology::tap(), {kSecret, kSecretBackwards});
  if (!capture) return capture.error();
  const auto& client = cluster_.topology().client();
  for (const auto& target : targets) {
    const auto response = cluster_.request(target, kSecret);
    const auto expected = target.ip.is_v4() ? client.v4 : client.v6;
    const auto seen = response ? response->body : response.error().detail + "\n";
    const bool good = response &&
                      seen.find("as " + expected.to_string() + "\n") != std::string::npos &&
                      seen.find(kSecretBackwards) != std::string::npos;
    report_.check(good,
                  what + " to " + target.to_string() + ": " + seen.substr(0, seen.find('\n')));
  }
  return (*capture)->stop();
}

Result<void> Steps::plain_traffic() {
  report_.step("Without the mesh");
  report_.say("A client pod on node-a talks to a server pod on node-b. On the wire between the");
  report_.say("nodes somebody listens.");
  if (auto started = cluster_.start_server(); !started) return started;
  const auto sight = tapped("plain request", {server(), server(true)});
  if (!sight) return sight.error();
  report_.check(sight->readable_requests > 0 && sight->readable_answers > 0,
                "the listener reads the secret in the requests (" +
                    std::to_string(sight->readable_requests) + " frames) and in the answers (" +
                    std::to_string(sight->readable_answers) + ")");
  const auto measured = measure_now();
  if (!measured) return measured.error();
  before_ = *measured;
  return {};
}

Result<void> Steps::enroll_pod(const Node& node, const Place& pod) {
  return show(node, {"enroll", "--netns", pod.netns, "--workload",
                     "demo/" + pod.name + "/" + pod.name, "--control-socket", node.control_socket});
}

Result<void> Steps::withdraw_pod(const Node& node, const Place& pod) {
  return show(node, {"withdraw", "--netns", pod.netns, "--control-socket", node.control_socket});
}

Result<void> Steps::enroll() {
  report_.step("Both pods join the mesh");
  report_.say("Their traffic is redirected inside their own namespaces to the node's daemon. The");
  report_.say("server's process is not restarted and knows nothing of it.");
  const auto pid = cluster_.server().pid();
  const auto& topology = cluster_.topology();
  // In this order, so that nothing goes in the clear in between (docs/operations.md).
  state_.client_in_mesh = state_.server_in_mesh = true;
  if (auto done = cluster_.publish(state_); !done) return done;
  if (auto done = enroll_pod(cluster_.node_a(), topology.client()); !done) return done;
  if (auto done = enroll_pod(cluster_.node_b(), topology.server()); !done) return done;
  report_.check(cluster_.server().running() && cluster_.server().pid() == pid,
                "the server is still process " + std::to_string(pid));
  return wait_for_requests(true);
}

Result<void> Steps::wait_for_requests(bool to_succeed) {
  return wait_until(to_succeed ? "connections to succeed" : "connections to be refused", [&] {
    const auto response = cluster_.request(server(), kSecret);
    return (response && response->status == 200) == to_succeed;
  });
}

Result<void> Steps::mesh_traffic() {
  report_.step("Through the mesh");
  report_.say("The same requests, to the pod's addresses and to its service's address, now cross");
  report_.say("between the nodes inside an HTTP/2 CONNECT tunnel over TLS 1.3 on port 15008.");
  const auto sight = tapped("request", {server(), server(true), service()});
  if (!sight) return sight.error();
  report_.check(sight->frames > 0 && sealed(*sight), "the listener reads the secret in none of " +
                                                         std::to_string(sight->frames) +
                                                         " frames, in neither direction");
  report_.check(sight->tls_records > 0, "it sees TLS records on port 15008 (" +
                                            std::to_string(sight->tunnel_bytes) + " bytes)");
  return {};
}

Result<void> Steps::name() {
  report_.step("By name");
  report_.say(
      "The client's queries are redirected as well: the daemon knows the mesh's names, and");
  report_.say("passes the others on to the resolvers of the pod.");
  std::string line;
  const auto found = cluster_.look_up(service_name(), line);
  if (!found) return found.error();
  report_.quote(line + "\n" + found->output);
  report_.check(
      found->exit_code == 0 && found->output.starts_with(service_address().to_string() + " "),
      "the client finds " + service_name() + " by name");
  return {};
}

void Steps::check_access_line(const Node& node, const std::string& direction) {
  const std::vector<std::string> parts{in_quotes("direction", direction.c_str()),
                                       "src.addr=" + cluster_.topology().client().v4.to_string(),
                                       in_quotes("src.identity", kClientId),
                                       in_quotes("dst.identity", kServerId)};
  const auto written = wait_until(
      "the access log", [&] { return !Cluster::access_line(node, parts).empty(); },
      std::chrono::seconds(5));
  report_.check(written.has_value(),
                node.place->name + " logged the connection with both identities");
  report_.quote(Cluster::access_line(node, written ? parts : std::vector<std::string>{}));
}

Result<void> Steps::identities() {
  report_.step("Who talked to whom");
  report_.say("Each pod has a SPIFFE identity and a certificate for it; both daemons checked the");
  report_.say("other's. Each writes one line for each connection.");
  check_access_line(cluster_.node_a(), "outbound");
  check_access_line(cluster_.node_b(), "inbound");
  return show(cluster_.node_b(), {"certificates"});
}

Result<void> Steps::policy() {
  report_.step("A policy denies the client");
  report_.say("Added to mesh.yaml; the control plane sees the change and tells the nodes:");
  report_.quote(deny_policy());
  auto running = HeldConnection::open(cluster_.topology().client().fd(), server());
  if (!running) return running.error();
  report_.check(running->ask(), "before: a connection is open, and answered");
  state_.deny = true;
  if (auto done = cluster_.publish(state_); !done) return done;
  report_.check(running->ended_within(kCutLimit), "that connection is cut, not only new ones");
  if (auto done = wait_for_requests(false); !done) return done;
  report_.check(true, "its successor is refused");
  const auto line = [&] {
    return Cluster::access_line(cluster_.node_b(), {"policy", "not-the-client"});
  };
  const auto logged = wait_until(
      "the refusal in the log", [&] { return !line().empty(); }, std::chrono::seconds(5));
  report_.check(logged.has_value(), "node-b says why");
  report_.quote(line());
  state_.deny = false;
  if (auto done = cluster_.publish(state_); !done) return done;
  if (auto done = wait_for_requests(true); !done) return done;
  report_.check(true, "taken out of mesh.yaml again, connections succeed again");
  return {};
}

Result<void> Steps::live() {
  report_.step("The server leaves the mesh and comes back, while it runs");
  const auto pid = cluster_.server().pid();
  const auto& pod = cluster_.topology().server();
  if (auto done = withdraw_pod(cluster_.node_b(), pod); !done) return done;
  state_.server_in_mesh = false;
  if (auto done = cluster_.publish(state_); !done) return done;
  const auto outside = tapped("request from the mesh to a pod outside it", {server()});
  if (!outside) return outside.error();
  report_.check(outside->readable_requests > 0 && outside->readable_answers > 0,
                "readable on the wire again, as it has to be");
  state_.server_in_mesh = true;
  if (auto done = cluster_.publish(state_); !done) return done;
  if (auto done = enroll_pod(cluster_.node_b(), pod); !done) return done;
  if (auto done = wait_for_requests(true); !done) return done;
  const auto inside = tapped("request to the pod back in the mesh", {server()});
  if (!inside) return inside.error();
  report_.check(sealed(*inside) && inside->tls_records > 0, "and sealed again");
  report_.check(cluster_.server().running() && cluster_.server().pid() == pid,
                "the server is still process " + std::to_string(pid));
  return {};
}

Result<std::optional<Latency>> Steps::measure_now() {
  const auto fortio = find_fortio();
  if (!fortio) return std::optional<Latency>();
  const auto measured = measure(*fortio, cluster_.topology().client().fd(), server(), load_time_,
                                cluster_.directory());
  if (!measured && interrupted()) return fail(Errc::cancelled, "interrupted");
  if (!measured) return measured.error();
  return std::optional<Latency>(*measured);
}

Result<void> Steps::latency() {
  report_.step("What it costs");
  const auto after = measure_now();
  if (!after) return after.error();
  if (!before_ || !*after) {
    report_.say("Fortio is not installed: no latencies. (go install fortio.org/fortio@v1.66.5)");
    return {};
  }
  report_.say("1,000 requests a second over 16 connections, everything on this machine:");
  report_.quote("                      p50        p90        p99     reached\n" +
                row("without mesh", *before_) + "\n" + row("through it", **after));
  report_.check((*after)->rate > 900, "the mesh keeps up with the rate");
  return {};
}

}  // namespace culvert::cli::demo
