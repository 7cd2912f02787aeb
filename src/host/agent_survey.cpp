// What an agent looks after while it runs: namespaces come and go without telling it.
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"

#include <algorithm>
#include <set>
#include <utility>

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
  std::unique_lock lock(wake_mutex_);
  while (true) {
    wake_.wait_for(lock, options_.survey_interval, [this] { return stop_ || daemons_changed_; });
    if (stop_) return;
    const bool changed = std::exchange(daemons_changed_, false);
    const bool all = changed || std::exchange(look_again_, false);
    // Once more at the next survey: a daemon that has gone closes its listeners a moment after its
    // socket.
    if (changed) look_again_ = true;
    lock.unlock();
    survey_once(!changed, all);
    lock.lock();
  }
}

void Agent::Impl::on_daemons_changed() {
  const std::lock_guard lock(wake_mutex_);
  daemons_changed_ = true;
  wake_.notify_all();
}

void Agent::Impl::survey_once(bool namespaces, bool all_redirections) {
  const std::lock_guard lock(mutex_);
  const bool moved = namespaces && check_namespaces();
  const bool altered = check_redirections(all_redirections ? entries_.size() : kChecks);
  if (!moved && !altered) return;
  if (auto saved = save(); !saved)
    log::error(kLog, "table not saved", {log::str("error", saved.error().detail)});
}

bool Agent::Impl::check_namespaces() {
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
  return changed;
}

bool Agent::Impl::check_redirections(std::size_t limit) {
  std::set<std::string> served;
  for (const auto& pod : zds_->pods())
    if (pod.up) served.insert(pod.pod.uid);
  bool changed = false;
  auto next = entries_.upper_bound(checked_);
  for (std::size_t n = std::min(limit, entries_.size()); n != 0; --n, ++next) {
    if (next == entries_.end()) next = entries_.begin();
    checked_ = next->first;
    changed = see_to_redirection(next->second, served.contains(checked_)) || changed;
  }
  return changed;
}

// Whatever took the rules away, a firewall's "flush ruleset" most likely: without them its traffic
// passes around the mesh. DNS follows the daemon that serves the pod; while none does, it stays as
// it is, as everything else.
bool Agent::Impl::see_to_redirection(Entry& entry, bool served) {
  if (entry.absent() || entry.enrolment.leaving) return false;
  auto& now = entry.enrolment.redirect;
  auto wanted = now;
  if (served) wanted.dns = dns_answered(entry);
  const auto in_place = redirection_in_place(entry.netns.fd(), wanted);
  const bool stays = wanted == now;
  if (in_place && *in_place && stays) {
    entry.trouble.clear();
    return false;
  }
  if (!put_redirection(entry, wanted)) return false;
  const auto& uid = entry.enrolment.pod.uid;
  if (stays)
    log::warn(kLog, "redirection was not in place, and is again", {log::str("pod", uid)});
  else if (wanted.dns)
    log::info(kLog, "DNS is captured from now on", {log::str("pod", uid)});
  else
    log::warn(kLog, "DNS is captured no longer: the daemon does not serve it",
              {log::str("pod", uid)});
  now = wanted;
  return !stays;
}

bool Agent::Impl::put_redirection(Entry& entry, const RedirectOptions& options) {
  const auto put = install_redirection(entry.netns.fd(), options);
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
  const auto pod = introduced(entry);
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
