// What an agent looks after while it runs: namespaces come and go without telling it.
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"

#include <algorithm>

namespace culvert::host {
namespace {

const log::Target kLog("agent");

// Enrolments whose redirection is looked at in one survey: each takes some system calls in its
// namespace, and a node may have hundreds.
constexpr std::size_t kChecks = 16;

// Only when that is certain: a look that fails says nothing.
bool is_gone(const Enrolment& enrolment, const Netns& held) {
  const auto reachable = is_reachable(enrolment, held);
  return reachable && !*reachable;
}

}  // namespace

void Agent::Impl::survey() {
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, options_.survey_interval, [this] { return stop_; }))
    survey_once();
}

void Agent::Impl::survey_once() {
  bool changed = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    auto& entry = current->second;
    if (entry.enrolment.leaving)
      changed = leave(current) || changed;
    else if (entry.absent())
      changed = come_back(entry) || changed;
    else if (is_gone(entry.enrolment, entry.netns))
      changed = let_go(current) || changed;
  }
  check_redirections();
  if (!changed) return;
  if (auto saved = save(); !saved)
    log::error(kLog, "table not saved", {log::str("error", saved.error().detail)});
}

void Agent::Impl::check_redirections() {
  auto next = entries_.upper_bound(checked_);
  for (std::size_t n = std::min(kChecks, entries_.size()); n != 0; --n, ++next) {
    if (next == entries_.end()) next = entries_.begin();
    checked_ = next->first;
    see_to_redirection(next->second);
  }
}

// Whatever took the rules away, a firewall's "flush ruleset" most likely: without them its traffic
// passes around the mesh.
void Agent::Impl::see_to_redirection(Entry& entry) {
  if (entry.absent() || entry.enrolment.leaving) return;
  const auto in_place = redirection_in_place(entry.netns.fd(), entry.enrolment.redirect);
  if (in_place && *in_place) {
    entry.trouble.clear();
    return;
  }
  if (put_redirection(entry))
    log::warn(kLog, "redirection was not in place, and is again",
              {log::str("pod", entry.enrolment.pod.uid)});
}

bool Agent::Impl::put_redirection(Entry& entry) {
  const auto put = install_redirection(entry.netns.fd(), entry.enrolment.redirect);
  if (put) {
    entry.trouble.clear();
    return true;
  }
  if (entry.trouble.empty())
    log::error(kLog, "redirection is not in place, tried again and again",
               {log::str("pod", entry.enrolment.pod.uid), log::str("error", put.error().detail)});
  entry.trouble = "its redirection is not in place: " + put.error().detail;
  return false;
}

// True when an absent namespace is there again.
bool Agent::Impl::come_back(Entry& entry) {
  auto found = find_again(entry.enrolment);
  if (!found) return false;
  take_up(entry, std::move(*found));
  const auto& pod = entry.enrolment.pod;
  auto copy = entry.netns.duplicate();
  // A daemon that refuses, or none, is the server's to try again.
  const auto told = copy ? zds_->add(pod, std::move(*copy)) : copy.error();
  log::info(kLog, "namespace found again",
            {log::str("pod", pod.uid), log::str("netns", entry.enrolment.netns.describe()),
             log::str("daemon", told ? std::string("told") : told.error().detail)});
  return true;
}

// Goes on with a withdrawal that could not be completed so far. True when it is.
bool Agent::Impl::leave(Entries::iterator it) {
  const auto& entry = it->second;
  const auto done =
      entry.absent() ? complete_withdrawal(entry.enrolment) : remove_redirection(entry.netns.fd());
  if (!done) return false;  // the start has said so
  const auto told = zds_->del(it->first);
  log::info(kLog, "withdrawal completed at last",
            {log::str("pod", it->first),
             log::str("daemon", told ? std::string("told") : told.error().detail)});
  entries_.erase(it);
  return true;
}

// Somebody may still hold the namespace open and come back to it: nothing of ours stays in it, for
// without an enrolment its traffic would be redirected to nobody. True when it is let go.
bool Agent::Impl::let_go(Entries::iterator it) {
  if (auto removed = remove_redirection(it->second.netns.fd()); !removed) {
    log::error(kLog, "namespace is gone, but its redirection cannot be removed",
               {log::str("pod", it->first), log::str("error", removed.error().detail)});
    return false;
  }
  const auto told = zds_->del(it->first);
  log::info(kLog, "namespace is gone, enrolment dropped",
            {log::str("pod", it->first),
             log::str("daemon", told ? std::string("told") : told.error().detail)});
  entries_.erase(it);
  return true;
}

}  // namespace culvert::host
