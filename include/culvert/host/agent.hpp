// The node agent: which namespaces are in the mesh, kept over restarts; enrolling and withdrawing
// them while what runs there goes on; and the local socket through which `culvertctl enroll` asks.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/host/netns.hpp"
#include "culvert/host/redirection.hpp"
#include "culvert/host/zds_server.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace culvert::host {

// Whether a namespace's DNS is to be captured.
enum class DnsCapture : std::uint8_t {
  when_served,  // as long as the daemon that serves the namespace answers DNS in it
  demanded,     // the same, but a daemon that does not is refused
  never,
};

// One namespace that was enrolled, as the agent's table keeps it.
struct Enrolment {
  PodInfo pod;
  NetnsRef netns;
  NetnsId id;
  RedirectOptions redirect;  // what is in place; its `dns` comes and goes with the daemons' DNS
  // What netns_incarnation() said; empty in tables of before that was kept.
  std::string incarnation{};
  // It is being withdrawn: a start that finds this so completes it, or goes on trying.
  bool leaving = false;
  bool capture_dns = false;  // where it is served
};

// What `enroll` asks for.
struct EnrolRequest {
  NetnsRef netns;
  PodInfo pod;  // an empty uid: the agent chooses one, or keeps that of the same namespace
  RedirectOptions redirect;  // its `dns` is the agent's to decide, by the next
  DnsCapture dns = DnsCapture::when_served;
  bool keep_pending = false;  // a refusing daemon leaves the pod enrolled, to be tried again
  // Even the agent's own namespace, and even one with redirection that this agent knows nothing of.
  bool force = false;
};

// Which enrolment `withdraw` means: by namespace, else by uid, else by "namespace/name" or
// "namespace/name/service-account".
struct WithdrawRequest {
  std::optional<NetnsRef> netns;
  std::string uid;
  std::string pod;
  // Takes our rules out of `netns` even if this agent knows nothing of it (its table was lost).
  bool force = false;
};

// What an operation did, for people: one line each.
struct Outcome {
  std::string uid;
  std::vector<std::string> steps;
};

// An enrolment and how it stands with the daemon.
struct EnrolmentStatus {
  Enrolment enrolment;
  bool up = false;
  bool absent = false;  // its namespace is not found; looked for at every survey
  std::string error;    // why it is not up, as far as known
};

struct AgentOptions {
  std::string state_dir = "/var/lib/culvert/agent";
  std::string control_socket = "/run/culvert/agent.sock";
  ZdsServerOptions zds;
  // How often namespaces are looked after: one that nothing leads to any more is let go, its
  // redirection removed; one that was absent and is found again is taken up.
  std::chrono::milliseconds survey_interval{5000};
};

// Thread-safe; operations run one after the other. The destructor stops listening and leaves all
// redirection as it is.
class Agent {
 public:
  // Checks that this process may do its work (see check_redirection()), reads the table, brings
  // every enrolment back (redirection first, then the daemon's socket), opens both sockets. An
  // enrolment holds for the namespace that it was made for, never for another of the same name: one
  // that is not found is kept as absent, and daemons are told to keep what they have of it; one of
  // before the last boot is dropped, with a log line.
  static Result<std::unique_ptr<Agent>> start(const AgentOptions& options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Redirection first, then the daemon, then DNS where the daemon answers it; undone in reverse
  // order when the daemon refuses (unless keep_pending) or does not answer the DNS that is
  // demanded. Repeating it for the same namespace and workload is fine. Errc::invalid for a
  // namespace with redirection that is not in the table: it is somebody else's (unless force).
  Result<Outcome> enroll(const EnrolRequest& request);
  // Marked in the table first: once begun, the next start completes it (or goes on trying). Then
  // the redirection, so that new connections go the plain way instead of nowhere; then the daemon,
  // which cuts the pod's connections. Fine for a namespace that is not enrolled; Errc::not_found
  // for a uid or workload that is not.
  Result<Outcome> withdraw(const WithdrawRequest& request);
  std::vector<EnrolmentStatus> list() const;

 private:
  class Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The other end of the control socket, for culvertctl: each call connects, asks, waits for the
// answer. Errc::unavailable when no agent listens there, with what to start.
class AgentClient {
 public:
  explicit AgentClient(std::string control_socket) : path_(std::move(control_socket)) {}
  Result<Outcome> enroll(const EnrolRequest& request) const;
  Result<Outcome> withdraw(const WithdrawRequest& request) const;
  Result<std::vector<EnrolmentStatus>> list() const;

 private:
  std::string path_;
};

}  // namespace culvert::host
