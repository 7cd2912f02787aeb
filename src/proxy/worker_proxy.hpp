// One worker with its pods.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "culvert/proxy/node_proxy.hpp"
#include "proxy/dns/hostnames.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Members run on the worker's thread, but for post() and the constructor.
class WorkerProxy final : private net::TurnEnd {
 public:
  WorkerProxy(unsigned index, const Settings& settings, const hbone::TunnelSettings& tunnels,
              NodeProxy::Parts parts);
  // Joins the worker's thread first.
  ~WorkerProxy();

  template <class F>
  void post(F f) {
    worker_.post(std::move(f));
  }

  Result<void> start_pod(const std::string& uid, StartNumber start, const PodInfo& info,
                         std::shared_ptr<UniqueFd> netns);
  void stop_pod(const std::string& uid, const Error& reason);
  // Stops the pod if it came from that start: it failed on another worker, and meanwhile the uid
  // may have been stopped and started anew.
  void undo_start(const std::string& uid, StartNumber start, const Error& reason);
  // As PodProxy::on_state_change; the rechecks follow, some a turn. `gone` are identities whose
  // last workload has left this node.
  void on_changes(bool policies, bool local_workloads, const std::vector<Identity>& gone);
  // `done` once, when no pod is left.
  void drain(std::function<void()> done);
  void cut(const Error& reason);
  void collect(NodeProxy::Connections& into) const;

 private:
  // Authorizing costs microseconds for each policy: so many connections a turn, or those of a busy
  // node would hold up everything else for as long as it takes.
  static constexpr std::size_t kRechecksPerTurn = 64;

  void on_turn_end() override;
  std::vector<PodProxy*> all_pods() const;
  void retire(std::unique_ptr<PodProxy> pod);
  void forget(const PodProxy* pod);

  struct Running {
    std::unique_ptr<PodProxy> pod;
    StartNumber start;
  };

  net::Worker worker_;
  hbone::Context context_;
  Hostnames hostnames_;
  Environment environment_;
  std::unordered_map<std::string, Running> pods_;
  std::vector<std::unique_ptr<PodProxy>> retiring_;  // until their last connection has ended
  std::function<void()> drained_;
};

}  // namespace culvert::proxy
