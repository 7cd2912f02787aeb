// The agent's work: the table of enrolments, and the order in which redirection, table and daemon
// change so that a crash at any point is repaired by the next start.
#pragma once

#include "culvert/host/agent.hpp"
#include "host/agent_json.hpp"
#include "host/agent_socket.hpp"
#include "host/agent_table.hpp"
#include "host/netns_search.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace culvert::host {

// What people call a pod: "namespace/name".
inline std::string title(const PodInfo& pod) { return pod.namespace_ + "/" + pod.name; }

class Agent::Impl {
 public:
  static Result<std::unique_ptr<Impl>> start(const AgentOptions& options);
  Impl(AgentOptions options, AgentTable table);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<Outcome> enroll(const EnrolRequest& request);
  Result<Outcome> withdraw(const WithdrawRequest& request);
  std::vector<EnrolmentStatus> list() const;

 private:
  struct Entry {
    Enrolment enrolment;
    // Kept open: the id cannot be reused, and withdrawing needs no path. Not open: absent.
    Netns netns;
    bool absent() const { return netns.fd() < 0; }
    std::string trouble{};  // why its redirection is not in place; empty: it is, as far as known
  };
  using Entries = std::map<std::string, Entry>;  // by uid

  // Start.
  Result<std::vector<RestoredPod>> restore(std::vector<Enrolment> saved);
  static bool withdrawn_now(const Enrolment& enrolment);
  Result<RestoredPod> restore_one(Enrolment enrolment);
  Result<void> open_sockets(std::vector<RestoredPod> pods);
  std::string answer(const std::string& line);
  // With mutex_ held.
  static Result<void> complete_withdrawal(const Enrolment& enrolment);
  Result<void> save() const;
  Entries::iterator find(const Netns& netns, const std::string& incarnation);
  Result<Entries::iterator> find(const WithdrawRequest& request);
  Result<std::string> choose_uid(const EnrolRequest& request, Entries::const_iterator known);
  Result<Outcome> enroll_new(Entry entry, const EnrolRequest& request);
  Result<Outcome> enroll_again(Entry& entry, Netns netns, const EnrolRequest& request);
  Result<void> hand_over(const Entry& entry, Outcome& outcome);
  // Captures DNS or stops capturing it, once the daemon serves the pod. Fails only when it is
  // demanded and cannot be had.
  Result<void> see_to_dns(Entry& entry, DnsCapture wish, Outcome& outcome);
  // Whether DNS is to be captured in there and somebody answers it.
  static bool dns_answered(const Entry& entry);
  // The pod as the daemon is to know it.
  static PodInfo introduced(const Entry& entry);
  Error roll_back(const std::string& uid, bool ours, const Error& why);
  Result<Outcome> withdraw_known(Entries::iterator it);
  static Result<Outcome> withdraw_unknown(const WithdrawRequest& request);
  // Holds the namespace from now on, and sees to its redirection.
  static void take_up(Entry& entry, FoundNetns found);
  // The surveying thread: lets go of namespaces that nothing leads to any more, and takes up those
  // that are there again.
  void survey();
  void survey_once(bool namespaces, bool all_redirections);
  void on_daemons_changed();  // any thread
  // Both are true when what the table keeps has changed.
  bool check_namespaces();
  bool check_redirections(std::size_t limit);
  bool come_back(Entry& entry);
  bool let_go(Entries::iterator it);
  bool leave(Entries::iterator it);
  static bool see_to_redirection(Entry& entry, bool served);
  // Replaces what is there: another version of the agent may have put it.
  static bool put_redirection(Entry& entry, const RedirectOptions& options);

  const AgentOptions options_;
  const AgentTable table_;

  mutable std::mutex mutex_;  // held for the whole of an operation
  Entries entries_;           // guarded by mutex_
  std::string checked_;       // whose redirection was looked at last

  // Never held while mutex_ is waited for: the ZDS server's threads take it.
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool stop_ = false;             // guarded by wake_mutex_
  bool daemons_changed_ = false;  // guarded by wake_mutex_
  bool look_again_ = false;       // at everybody's redirection; guarded by wake_mutex_
  std::unique_ptr<ZdsServer> zds_;
  std::unique_ptr<LineServer> control_;
  std::thread surveyor_;
};

}  // namespace culvert::host
