// The agent's work: the table of enrolments, and the order in which redirection, table and daemon
// change so that a crash at any point is repaired by the next start.
#pragma once

#include "culvert/host/agent.hpp"
#include "host/agent_json.hpp"
#include "host/agent_socket.hpp"
#include "host/agent_table.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace culvert::host {

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
    Netns netns;  // kept open: the id cannot be reused, and withdrawing needs no path
  };
  using Entries = std::map<std::string, Entry>;  // by uid

  // Start.
  Result<std::vector<RestoredPod>> restore(std::vector<Enrolment> saved);
  Result<void> open_sockets(std::vector<RestoredPod> pods);
  std::string answer(const std::string& line);
  // With mutex_ held.
  Result<void> save() const;
  Entries::iterator find(NetnsId id);
  Result<Entries::iterator> find(const WithdrawRequest& request);
  Result<std::string> choose_uid(const EnrolRequest& request, NetnsId id);
  Result<Outcome> enroll_new(Entry entry, bool keep_pending);
  Result<Outcome> enroll_again(Entry& entry, const EnrolRequest& request);
  Result<void> hand_over(const Entry& entry, Outcome& outcome);
  Error roll_back(const std::string& uid, bool ours, const Error& why);
  Result<Outcome> withdraw_unknown(const WithdrawRequest& request) const;
  // The surveying thread: lets go of namespaces that nobody can reach any more.
  void survey();
  void survey_once();

  const AgentOptions options_;
  const AgentTable table_;

  mutable std::mutex mutex_;  // held for the whole of an operation
  Entries entries_;           // guarded by mutex_
  std::condition_variable stopping_;
  bool stop_ = false;  // guarded by mutex_
  std::unique_ptr<ZdsServer> zds_;
  std::unique_ptr<LineServer> control_;
  std::thread surveyor_;
};

}  // namespace culvert::host
