// The demo's programs, all of them the real ones: a control plane, and for each node an agent and
// a daemon, configured as anybody would configure them.
#pragma once

#include "cli/demo/interrupt.hpp"
#include "cli/demo/mesh_file.hpp"
#include "cli/demo/process.hpp"
#include "cli/demo/topology.hpp"
#include "cli/http.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>

namespace culvert::cli::demo {

// One node's programs and files.
struct Node {
  const Place* place = nullptr;
  std::string zds_socket;
  std::string control_socket;
  std::string token;  // file
  std::string agent_log;
  std::string daemon_log;
  Process agent;
  Process daemon;
};

// Asks again and again until `done` says so; Errc::timed_out (naming `what`) after `limit`,
// cancelled when interrupted.
Result<void> wait_until(const std::string& what, const std::function<bool()>& done,
                        std::chrono::milliseconds limit = std::chrono::seconds(20));

class Cluster {
 public:
  struct Settings {
    std::string directory;      // for files, sockets and logs; exists
    std::string bin_directory;  // where culvert and culvertctl are
    bool outlive = false;       // --keep: the programs go on when the demo ends
  };
  // `topology` must outlive this object.
  Cluster(const Topology& topology, Settings settings);

  // Starts everything and waits until both daemons are ready.
  Result<void> start();
  // Publishes another state of the mesh, and waits until both daemons have it.
  Result<void> publish(const MeshState& state);
  // Runs a culvertctl command on a node; `shown` receives the command line.
  Result<Finished> ctl(const Node& node, const std::vector<std::string>& words,
                       std::string& shown) const;
  // Runs the demo's application in the server's pod.
  Result<void> start_server();
  // A new connection from the client's pod to `to`; GET / with `secret` in a header.
  Result<HttpResponse> request(const SocketAddress& to, const std::string& secret) const;
  // Resolves a name as the programs of the client's pod do; `shown` receives the command line.
  Result<Finished> look_up(const std::string& name, std::string& shown) const;
  // What a daemon knows.
  Result<nlohmann::json> dump(const Node& node) const;
  // The last access log line of a node's daemon that contains all of `parts`; "" if none.
  static std::string access_line(const Node& node, const std::vector<std::string>& parts);
  // The last 2,000 bytes of a log file.
  static std::string tail(const std::string& log);
  // Ends everything in order. Errc::io, with the last lines of its log, for a daemon whose exit
  // code is not 0.
  Result<void> stop();
  // Lets go of the programs: they keep running.
  void release();

  Node& node_a() { return a_; }
  Node& node_b() { return b_; }
  Process& server() { return server_; }
  const std::string& directory() const { return settings_.directory; }
  std::string program(const std::string& name) const {
    return settings_.bin_directory + "/" + name;
  }
  const Topology& topology() const { return topology_; }

 private:
  std::string file(const std::string& name) const { return settings_.directory + "/" + name; }
  Result<Process> launch(std::vector<std::string> words, const Place& where, const std::string& log,
                         std::map<std::string, std::string> environment = {}) const;
  Result<void> write_tokens();
  Result<void> start_control();
  Result<void> start_node(Node& node);
  bool ready(const Node& node) const;
  bool knows(const Node& node, const MeshState& state) const;

  const Topology& topology_;
  const Settings settings_;
  Process control_;
  Node a_;
  Node b_;
  Process server_;
};

}  // namespace culvert::cli::demo
