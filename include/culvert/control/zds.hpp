// The ZDS client: the node agent (istio-cni, or culvertctl agent) tells which pods on this node are
// ours to serve and hands over their network namespaces. protocols: SOCK_SEQPACKET, one protobuf
// message a packet, strictly one request -> one acknowledgement.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace culvert::control {

// Kubernetes pod UID: opaque text, the key of a pod on this node (not the xDS workload uid).
using PodUid = std::string;

// Whose pod it is, as the agent says. No trust domain: that comes from xDS.
struct WorkloadInfo {
  std::string name;
  std::string namespace_;
  std::string service_account;
  // Whom the pod's own resolv.conf names, in its order, eight at most; empty: not known.
  std::vector<IpAddress> nameservers{};
  friend bool operator==(const WorkloadInfo&, const WorkloadInfo&) = default;

  // Whether both are one workload: an agent that names other resolvers later does not mean
  // another.
  bool same_workload(const WorkloadInfo& other) const {
    return name == other.name && namespace_ == other.namespace_ &&
           service_account == other.service_account;
  }
};

// What serves pods. Implemented by app, called on the control thread only.
class PodEvents {
 public:
  virtual ~PodEvents() = default;
  // Serve this pod: bind its listeners inside `netns` and call `done` once, on the control thread,
  // now or later, when they accept or cannot (nothing may then be left behind). Must not wait for
  // xDS or the CA: the agent waits 5 s for our answer. Never called for a uid that is being served
  // or started; stop() may come before `done`. `netns` stays open while anyone holds the pointer.
  virtual void start(const PodUid& uid, const WorkloadInfo& info, std::shared_ptr<UniqueFd> netns,
                     std::function<void(Result<void>)> done) = 0;
  // Stop serving it at once, with no grace; a start still under way is abandoned (its `done` may
  // be called or not). Only for uids that were started.
  virtual void stop(const PodUid& uid) = 0;
};

// Counters and gauges to feed; unset ones are skipped. Control thread.
struct ZdsEvents {
  // Once: connected, snapshot complete and nothing pending.
  std::function<void()> ready;
  // Readiness or the numbers of pods changed.
  std::function<void(bool ready, std::size_t active, std::size_t pending)> changed;
  std::function<void()> proxy_started;
  std::function<void()> proxy_stopped;
  // A request was answered with an error; a packet could not be understood; the link went up or
  // down.
  std::function<void()> nacked;
  std::function<void()> malformed;
  std::function<void(bool up)> link;
};

// One pod, for the config dump.
struct PodStatus {
  enum class State : std::uint8_t { pending, up };
  PodUid uid;
  WorkloadInfo info;
  State state = State::pending;
};

// Lives on the control thread; calls there unless noted. `io` and `pods` must outlive it. The
// destructor closes the socket; it does not stop pods.
class ZdsClient {
 public:
  // `path` is the agent's socket (INPOD_UDS).
  ZdsClient(boost::asio::io_context& io, std::string path, PodEvents& pods, ZdsEvents events);
  ~ZdsClient();
  ZdsClient(const ZdsClient&) = delete;
  ZdsClient& operator=(const ZdsClient&) = delete;

  // Connects, and reconnects for ever (20 ms doubling to 15 s). Call after the first xDS sync, so
  // that no pod is served without policies. Call once.
  void start();
  // Stops reading and closes the socket at once, for good: the agent's next pods go to our
  // successor. Pods keep running; the caller drains them.
  void drain();
  // Connected, snapshot complete and no pod pending. False after drain(). Any thread.
  bool ready() const;
  // All pods, sorted by uid. Any thread.
  std::vector<PodStatus> pods() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::control
