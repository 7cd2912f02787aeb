// Withdrawing.
#include "host/agent_impl.hpp"

namespace culvert::host {
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
  if (!request.uid.empty()) return entries_.find(request.uid);
  auto found = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (title(it->second.enrolment.pod) != request.pod) continue;
    if (found != entries_.end())
      return fail(Errc::invalid, "more than one enrolment is " + request.pod + ": use --uid");
    found = it;
  }
  return found;
}

Result<Outcome> Agent::Impl::withdraw(const WithdrawRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto found = find(request);
  if (!found) return found.error();
  return *found == entries_.end() ? withdraw_unknown(request) : withdraw_known(*found);
}

Result<Outcome> Agent::Impl::withdraw_known(Entries::iterator it) {
  const Entry& entry = it->second;
  const auto pod = entry.enrolment.pod;
  Outcome outcome{pod.uid, {}};
  if (entry.absent()) {
    outcome.steps.push_back("its namespace is not found: if it still exists, rules stay in it");
  } else if (auto removed = remove_redirection(entry.netns.fd()); !removed) {
    return removed.error().with(entry.enrolment.netns.describe() + ": still enrolled");
  } else {
    outcome.steps.push_back("redirection removed");
  }
  const auto told = zds_->del(pod.uid);
  outcome.steps.push_back(told ? "the daemon has let go of " + title(pod)
                               : "the daemon did not confirm: " + told.error().detail);
  entries_.erase(it);
  if (auto saved = save(); !saved) return saved.error();
  return outcome;
}

Result<Outcome> Agent::Impl::withdraw_unknown(const WithdrawRequest& request) {
  Outcome outcome{"", {"not enrolled here: nothing to do"}};
  if (!request.netns) return outcome;
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
