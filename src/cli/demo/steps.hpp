// What the demo shows, one step after the other. A step that cannot go on returns an error; what
// merely turns out wrong is a failed check of the report.
#pragma once

#include "cli/demo/cluster.hpp"
#include "cli/demo/load.hpp"
#include "cli/demo/report.hpp"

#include <chrono>
#include <optional>

namespace culvert::cli::demo {

class Steps {
 public:
  // Both must outlive this object. `load_time` is how long each latency measurement takes.
  Steps(Cluster& cluster, Report& report, std::chrono::seconds load_time)
      : cluster_(cluster), report_(report), load_time_(load_time) {}

  // All steps in their order.
  Result<void> run();

 private:
  Result<void> plain_traffic();
  Result<void> enroll();
  Result<void> mesh_traffic();
  Result<void> name();
  Result<void> identities();
  Result<void> policy();
  Result<void> live();
  Result<void> latency();

  Result<void> enroll_pod(const Node& node, const Place& pod);
  Result<void> withdraw_pod(const Node& node, const Place& pod);
  // Runs a culvertctl command and shows it with what it printed; an error if it fails.
  Result<void> show(const Node& node, const std::vector<std::string>& words);
  // One request with a wiretap beside it; checks that the server saw the client's own address.
  Result<struct Sight> tapped(const std::string& what, const std::vector<SocketAddress>& targets);
  void check_access_line(const Node& node, const std::string& direction);
  SocketAddress server(bool v6 = false) const;
  SocketAddress service() const { return {service_address(), 80}; }
  // Waits until a new connection succeeds, or until it fails.
  Result<void> wait_for_requests(bool to_succeed);
  Result<std::optional<Latency>> measure_now();

  Cluster& cluster_;
  Report& report_;
  const std::chrono::seconds load_time_;
  MeshState state_;
  std::optional<Latency> before_;
};

}  // namespace culvert::cli::demo
