// The node agent's end of ZDS: it listens, a daemon connects, and the agent tells it which pods it
// has to serve, each with its network namespace. Behaves as istio-cni does: one request at a time
// and one ack for each, an add to the newest daemon only, a del to all of them.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace culvert::host {

// A pod as the daemon gets to know it.
struct PodInfo {
  std::string uid;  // the pod's own id, not the workload uid of the control plane
  std::string name;
  std::string namespace_;
  std::string service_account;
  // Whom its programs ask for names, for the daemon to ask in their stead, three at most; empty:
  // not known. Not part of the table: looked up whenever the pod is handed over.
  std::vector<IpAddress> nameservers{};
  friend bool operator==(const PodInfo&, const PodInfo&) = default;
};

// How a pod stands with the daemons.
struct PodStatus {
  PodInfo pod;
  bool up = false;    // the newest daemon has acked it
  std::string error;  // why not, as far as known
};

// A pod that was in the mesh before this start. Without a namespace (it is not found): daemons that
// connect are told to keep what they have of it, until add() brings one or del() ends it.
struct RestoredPod {
  PodInfo pod;
  UniqueFd netns;
};

struct ZdsServerOptions {
  std::string path = "/var/run/ztunnel/ztunnel.sock";
  std::chrono::milliseconds hello_timeout{5000};
  std::chrono::milliseconds ack_timeout{5000};
  // A refused add is tried again after this, doubling up to the second.
  std::chrono::milliseconds retry_first{5};
  std::chrono::milliseconds retry_limit{5000};
  // At most one daemon is accepted in this time.
  std::chrono::milliseconds accept_interval{200};
  // Other daemons serve the pods now, or a pod that was refused is served: called on a thread of
  // the server, which it must not keep. May be empty.
  std::function<void()> on_change{};
};

// Thread-safe. Owns one thread that accepts and one for each connected daemon; the destructor
// stops them and removes the socket file. Daemons keep serving their pods after that.
class ZdsServer {
 public:
  // Makes the directory (0755) and the socket (0600), replacing a socket nobody answers on.
  // Errc::invalid when somebody does, permission, io.
  // `pods` are remembered before anybody can connect: a daemon stops what its first snapshot does
  // not mention.
  static Result<std::unique_ptr<ZdsServer>> start(const ZdsServerOptions& options,
                                                  std::vector<RestoredPod> pods = {});
  ~ZdsServer();
  ZdsServer(const ZdsServer&) = delete;
  ZdsServer& operator=(const ZdsServer&) = delete;

  // Remembers the pod and hands it to the newest daemon; blocks until that has answered. Whatever
  // the result, the pod stays remembered, and the add is tried again until del(). Errors:
  // Errc::unavailable (no daemon is connected), refused (the daemon said no, with its words),
  // timed_out.
  Result<void> add(const PodInfo& pod, UniqueFd netns);
  // Forgets the pod and tells every daemon; blocks until all have answered or gone. Fine for an
  // unknown uid. Errors: refused, timed_out.
  Result<void> del(const std::string& uid);

  // What is remembered, by uid.
  std::vector<PodStatus> pods() const;
  // How many daemons have completed their hello.
  std::size_t daemons() const;
  // Waits until a daemon has been told everything (snapshot acked): false after `limit`.
  bool wait_for_daemon(std::chrono::milliseconds limit) const;

 private:
  class Impl;
  explicit ZdsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::host
