#include "cli/demo/cluster.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <thread>

namespace culvert::cli::demo {
namespace {

SocketAddress loopback(std::uint16_t port) { return {IpAddress::v4_loopback(), port}; }

Result<std::string> random_token() {
  std::array<unsigned char, 32> raw{};
  if (::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size()))
    return fail_errno("getrandom", errno);
  std::string text;
  for (const auto byte : raw) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace

Result<void> wait_until(const std::string& what, const std::function<bool()>& done,
                        std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (interrupted()) return fail(Errc::cancelled, "interrupted");
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Errc::timed_out,
                  "waited " + std::to_string(limit.count() / 1000) + " s for " + what + " in vain");
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  return {};
}

Cluster::Cluster(const Topology& topology, Settings settings)
    : topology_(topology), settings_(std::move(settings)) {
  const auto prepare = [this](Node& node, const Place& place) {
    node.place = &place;
    node.zds_socket = file(place.name + "-zds.sock");
    node.control_socket = file(place.name + "-agent.sock");
    node.token = file(place.name + "-token");
    node.agent_log = file(place.name + "-agent.log");
    node.daemon_log = file(place.name + "-daemon.log");
  };
  prepare(a_, topology.node_a());
  prepare(b_, topology.node_b());
}

Result<Process> Cluster::launch(std::vector<std::string> words, const Place& where,
                                const std::string& log,
                                std::map<std::string, std::string> environment) const {
  Command command;
  command.words = std::move(words);
  command.environment = std::move(environment);
  command.netns_fd = where.fd();
  command.output = log;
  command.outlive = settings_.outlive;
  return Process::start(command);
}

// Each node has a token of its own, which is good for its own pods only.
Result<void> Cluster::write_tokens() {
  std::string all;
  for (auto* node : {&a_, &b_}) {
    const auto token = random_token();
    if (!token) return token.error();
    all += node->place->name + ":" + *token + "\n";
    if (auto written = write_secret(node->token, *token); !written) return written;
  }
  return write_secret(file("tokens"), all);
}

Result<void> Cluster::start_control() {
  const auto text = mesh_yaml(topology_, {});
  if (auto written = replace_file(file("mesh.yaml"), text); !written) return written;
  if (auto written = write_tokens(); !written) return written;
  const auto address = topology_.wire().v4.to_string() + ":15012";
  auto started =
      launch({program("culvertctl"), "control", "--config", file("mesh.yaml"), "--state-dir",
              file("control"), "--token-file", file("tokens"), "--listen", address},
             topology_.wire(), file("control.log"));
  if (!started) return started.error();
  control_ = std::move(*started);
  auto up = wait_until("the control plane", [this] {
    return !control_.running() || std::filesystem::exists(file("control/root-cert.pem"));
  });
  if (!up) return up;
  if (control_.running()) return {};
  return fail(Errc::io, "the control plane ended:\n" + read_file(file("control.log")));
}

Result<void> Cluster::start_node(Node& node) {
  auto agent =
      launch({program("culvertctl"), "agent", "--zds-socket", node.zds_socket, "--control-socket",
              node.control_socket, "--state-dir", file(node.place->name + "-agent")},
             *node.place, node.agent_log);
  if (!agent) return agent.error();
  node.agent = std::move(*agent);
  const auto control = "https://" + topology_.wire().v4.to_string() + ":15012";
  auto daemon = launch({program("culvert")}, *node.place, node.daemon_log,
                       {{"XDS_ADDRESS", control},
                        {"CA_ADDRESS", control},
                        {"XDS_ROOT_CA", file("control/root-cert.pem")},
                        {"CA_ROOT_CA", file("control/root-cert.pem")},
                        {"AUTH_TOKEN", node.token},
                        {"NODE_NAME", node.place->name},
                        {"INPOD_UDS", node.zds_socket},
                        {"RUST_LOG", "info"}});
  if (!daemon) return daemon.error();
  node.daemon = std::move(*daemon);
  return {};
}

std::string Cluster::tail(const std::string& log) {
  const auto text = read_file(log);
  return text.substr(text.size() > 2000 ? text.size() - 2000 : 0);
}

bool Cluster::ready(const Node& node) const {
  const auto answer =
      http_exchange(node.place->fd(), loopback(15021), {.target = "/healthz/ready", .headers = {}},
                    std::chrono::seconds(2));
  return answer && answer->status == 200;
}

Result<void> Cluster::start() {
  if (auto started = start_control(); !started) return started;
  for (auto* node : {&a_, &b_})
    if (auto started = start_node(*node); !started) return started;
  for (auto* node : {&a_, &b_}) {
    auto up = wait_until(
        "the daemon of " + node->place->name,
        [&] { return !node->daemon.running() || ready(*node); }, std::chrono::seconds(40));
    if (!up) return up.error().with(read_file(node->agent_log) + read_file(node->daemon_log));
    if (!node->daemon.running())
      return fail(Errc::io,
                  "the daemon of " + node->place->name + " ended:\n" + read_file(node->daemon_log));
  }
  return {};
}

Result<nlohmann::json> Cluster::dump(const Node& node) const {
  const auto answer =
      http_exchange(node.place->fd(), loopback(15000), {.target = "/config_dump", .headers = {}});
  if (!answer) return answer.error();
  auto parsed = nlohmann::json::parse(answer->body, nullptr, false);
  if (parsed.is_discarded()) return fail(Errc::protocol, "the config dump is not JSON");
  return Result<nlohmann::json>(boost::system::in_place_value, std::move(parsed));
}

bool Cluster::knows(const Node& node, const MeshState& state) const {
  const auto have = dump(node);
  if (!have || !have->contains("workloads") || !have->contains("policies")) return false;
  const auto protocol = [&](const std::string& name) -> std::string {
    for (const auto& workload : (*have)["workloads"])
      if (workload.value("name", "") == name) return workload.value("protocol", "TCP");
    return {};
  };
  const auto wanted = [](bool in_mesh) { return std::string(in_mesh ? "HBONE" : "TCP"); };
  return protocol("client") == wanted(state.client_in_mesh) &&
         protocol("server") == wanted(state.server_in_mesh) &&
         (*have)["policies"].empty() != state.deny;
}

Result<void> Cluster::publish(const MeshState& state) {
  if (auto written = replace_file(file("mesh.yaml"), mesh_yaml(topology_, state)); !written)
    return written;
  for (const auto* node : {&a_, &b_})
    if (auto known = wait_until(node->place->name + " to learn of the change",
                                [&] { return knows(*node, state); });
        !known)
      return known;
  return {};
}

Result<Finished> Cluster::ctl(const Node& node, const std::vector<std::string>& words,
                              std::string& shown) const {
  Command command;
  command.words = {program("culvertctl")};
  command.words.insert(command.words.end(), words.begin(), words.end());
  command.netns_fd = node.place->fd();
  shown = "culvertctl";
  for (const auto& word : words) shown += " " + word;
  return run(command);
}

Result<void> Cluster::start_server() {
  auto started =
      launch({program("culvertctl"), "demo-server"}, topology_.server(), file("server.log"));
  if (!started) return started.error();
  server_ = std::move(*started);
  return wait_until("the server",
                    [this] { return request({topology_.server().v4, 8080}, "hello").has_value(); });
}

Result<HttpResponse> Cluster::request(const SocketAddress& to, const std::string& secret) const {
  HttpRequest wanted;
  wanted.headers = {{"X-Secret", secret}};
  return http_exchange(topology_.client().fd(), to, wanted, std::chrono::seconds(10));
}

Result<Finished> Cluster::look_up(const std::string& name, std::string& shown) const {
  Command command;
  command.words = {"ip", "netns", "exec", topology_.client().netns, "getent", "ahostsv4", name};
  shown.clear();
  for (const auto& word : command.words) shown += (shown.empty() ? "" : " ") + word;
  return run(command);
}

std::string Cluster::access_line(const Node& node, const std::vector<std::string>& parts) {
  std::istringstream lines(read_file(node.daemon_log));
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    bool all = line.find("\taccess\t") != std::string::npos;
    for (const auto& part : parts) all = all && line.find(part) != std::string::npos;
    if (all) found = line;
  }
  return found;
}

Result<void> Cluster::stop() {
  server_.stop();
  Result<void> ended = {};
  for (auto* node : {&a_, &b_}) {
    if (node->daemon.pid() <= 0) continue;  // never started
    if (const int code = node->daemon.stop(); code != 0 && ended)
      ended = fail(Errc::io, "the daemon of " + node->place->name + " ended with " +
                                 std::to_string(code) + ":\n" + tail(node->daemon_log));
  }
  a_.agent.stop();
  b_.agent.stop();
  control_.stop();
  return ended;
}

void Cluster::release() {
  for (auto* process : {&control_, &a_.agent, &b_.agent, &a_.daemon, &b_.daemon, &server_})
    process->release();
}

}  // namespace culvert::cli::demo
