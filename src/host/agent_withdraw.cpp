// Withdrawing. The table says so before anything is touched: a crash, or a disk that is full by
// then, cannot put a withdrawn pod back.
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"

namespace culvert::host {
namespace {

const log::Target kLog("agent");

bool is_called(const PodInfo& pod, const std::string& name) {
  return name == title(pod) || name == title(pod) + "/" + pod.service_account;
}

Error unknown(const std::string& what) {
  return fail(Errc::not_found,
              "nothing enrolled here " + what + ": `culvertctl enrolments` shows what is");
}

}  // namespace

Result<Agent::Impl::Entries::iterator> Agent::Impl::find(const WithdrawRequest& request) {
  if (request.netns) {
    const auto netns = Netns::open(*request.netns);
    if (netns) {
      const auto incarnation = netns_incarnation(netns->fd());
      if (!incarnation) return incarnation.error().with(request.netns->describe());
      return find(*netns, *incarnation);
    }
    // The name may be gone while the enrolment is still there.
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const auto& known = it->second.enrolment.netns;
      if (known.kind == request.netns->kind && known.value == request.netns->value) return it;
    }
    return netns.error();
  }
  if (!request.uid.empty()) {
    const auto it = entries_.find(request.uid);
    if (it == entries_.end()) return unknown("has uid " + request.uid);
    return it;
  }
  auto found = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (!is_called(it->second.enrolment.pod, request.pod)) continue;
    if (found != entries_.end())
      return fail(Errc::invalid, "more than one enrolment is " + request.pod + ": use --uid");
    found = it;
  }
  if (found == entries_.end()) return unknown("is " + request.pod);
  return found;
}

Result<Outcome> Agent::Impl::withdraw(const WithdrawRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto found = find(request);
  if (!found) return found.error();
  return *found == entries_.end() ? withdraw_unknown(request) : withdraw_known(*found);
}

Result<Outcome> Agent::Impl::withdraw_known(Entries::iterator it) {
  Entry& entry = it->second;
  const auto pod = entry.enrolment.pod;
  const auto still = [&](const Error& why) {
    entry.enrolment.leaving = false;
    return why.with(entry.enrolment.netns.describe() + ": still enrolled");
  };
  entry.enrolment.leaving = true;
  if (auto saved = save(); !saved) return still(saved.error());
  Outcome outcome{pod.uid, {}};
  if (entry.absent()) {
    outcome.steps.push_back("its namespace is not found: if it still exists, rules stay in it");
  } else if (auto removed = remove_redirection(entry.netns.fd()); !removed) {
    auto failure = still(removed.error());
    if (auto saved = save(); !saved)
      failure.detail += "; the next start of the agent withdraws it: " + saved.error().detail;
    return failure;
  } else {
    outcome.steps.push_back("redirection removed");
  }
  const auto told = zds_->del(pod.uid);
  outcome.steps.push_back(told ? "the daemon has let go of " + title(pod)
                               : "the daemon did not confirm: " + told.error().detail);
  entries_.erase(it);
  if (auto saved = save(); !saved)  // it is marked there: the next start drops it
    log::warn(kLog, "table not saved", {log::str("error", saved.error().detail)});
  return outcome;
}

// What an earlier run has begun. A namespace that nothing leads to any more is as good as
// withdrawn; one that cannot be looked for is not.
Result<void> Agent::Impl::complete_withdrawal(const Enrolment& enrolment) {
  const auto found = find_again(enrolment);
  if (!found && found.error().code != Errc::not_found) return found.error();
  if (found) {
    if (auto removed = remove_redirection(found->netns.fd()); !removed) return removed.error();
  }
  log::info(kLog, "withdrawal completed",
            {log::str("pod", enrolment.pod.uid),
             log::str("redirection", found ? "removed" : found.error().detail)});
  return {};
}

Result<Outcome> Agent::Impl::withdraw_unknown(const WithdrawRequest& request) {
  Outcome outcome{"", {"not enrolled here: nothing to do"}};
  const auto netns = Netns::open(*request.netns);
  if (!netns) return netns.error();
  const auto state = inspect_redirection(netns->fd());
  if (!state) return state.error().with(request.netns->describe());
  if (!state->anything()) return outcome;
  if (!request.force) {
    outcome.steps.push_back(
        "it has redirection rules all the same, perhaps another agent's: --force removes them");
    return outcome;
  }
  if (auto removed = remove_redirection(netns->fd()); !removed)
    return removed.error().with(request.netns->describe());
  outcome.steps = {"not enrolled here: redirection removed"};
  return outcome;
}

}  // namespace culvert::host
