// The data plane of the node: all workers, all pods. What the control side tells it becomes
// messages to the workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/hbone/context.hpp"
#include "culvert/metrics/dns.hpp"
#include "culvert/metrics/registry.hpp"
#include "culvert/metrics/traffic.hpp"
#include "culvert/proxy/pod.hpp"
#include "culvert/proxy/resolvers.hpp"
#include "culvert/proxy/settings.hpp"
#include "culvert/state/store.hpp"
#include "culvert/tls/certificate_source.hpp"

namespace culvert::proxy {

class WorkerProxy;  // one worker's pods, private

// Tells one start of a pod from the next one of the same uid.
using StartNumber = std::uint64_t;

// Made, used and destroyed on the control thread. Callbacks come from worker threads: post them to
// where they belong.
class NodeProxy {
 public:
  struct Parts {  // all outlive the node proxy
    state::Store& store;
    tls::CertificateSource& certificates;
    metrics::TrafficRegistry& traffic;
    SocketGauges sockets_open;
    metrics::DnsMetrics& dns;
    const NodeResolvers& resolvers;
  };

  // Starts `workers` data threads, at least one.
  NodeProxy(const Settings& settings, const hbone::TunnelSettings& tunnels, unsigned workers,
            Parts parts);
  // Joins the threads. Only after drain() has called back: pods must not end with their workers.
  ~NodeProxy();
  NodeProxy(const NodeProxy&) = delete;
  NodeProxy& operator=(const NodeProxy&) = delete;

  // Opens the pod's listeners inside `netns` on every worker; `done` once, when all are bound or
  // one failed and the others are closed again. `netns` null: our own namespace. A pod with this
  // uid must not be running.
  void start_pod(const std::string& uid, const PodInfo& info, std::shared_ptr<UniqueFd> netns,
                 std::function<void(Result<void>)> done);
  // Ends the pod's listeners and connections at once, also of a start that is not done yet: its
  // `done` still comes. Then the uid may be started again. Unknown uids are fine.
  void stop_pod(const std::string& uid);

  // The mesh changed; call from a listener of the store.
  void on_changes(const state::Changes& changes);

  // Listeners close at once, connections run on; `done` once, when the last has ended.
  void drain(std::function<void()> done);
  // Ends every connection of a drain that takes too long.
  void cut();

  // Open connections by pod uid, of pods that run; `done` once.
  using Connections = std::unordered_map<std::string, std::vector<ConnectionInfo>>;
  void connections(std::function<void(Connections)> done);

 private:
  // With port reuse every worker listens for every pod, without only one does.
  std::vector<WorkerProxy*> workers_of(const std::string& uid);

  const Settings settings_;
  StartNumber starts_ = 0;  // how many there were
  std::vector<std::unique_ptr<WorkerProxy>> workers_;
};

}  // namespace culvert::proxy
