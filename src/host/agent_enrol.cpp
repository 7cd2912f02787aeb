// Enrolling. A new enrolment is saved before its namespace is touched: what a crash leaves half
// done, the next start completes. Changed options are saved once they are in place.
#include "culvert/base/random.hpp"
#include "host/agent_impl.hpp"
#include "host/resolv_conf.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace culvert::host {
namespace {

// A random UUID, version 4 (RFC 9562 section 5.4): what Kubernetes gives a pod.
std::string random_uid() {
  Random random;
  const auto high = (random.next() & ~std::uint64_t{0xf000}) | 0x4000;
  const auto low = (random.next() & ~(std::uint64_t{3} << 62)) | (std::uint64_t{1} << 63);
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08llx-%04llx-%04llx-%04llx-%012llx",
                static_cast<unsigned long long>(high >> 32),
                static_cast<unsigned long long>(high >> 16 & 0xffff),
                static_cast<unsigned long long>(high & 0xffff),
                static_cast<unsigned long long>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text.data();
}

bool same_workload(const PodInfo& a, const PodInfo& b) {
  return a.name == b.name && a.namespace_ == b.namespace_ && a.service_account == b.service_account;
}

std::string describe(const RedirectOptions& options) {
  std::string text = options.ipv6 ? "IPv4 and IPv6" : "IPv4";
  if (options.ingress) text += ", outbound only";
  return text;
}

Error not_ours() {
  return fail(Errc::invalid,
              "it has redirection that this agent knows nothing of (istio-cni's, or another "
              "agent's): have that one withdraw it, or take it over with --force");
}

}  // namespace

Result<void> Agent::Impl::save() const {
  std::vector<Enrolment> table;
  for (const auto& [uid, entry] : entries_) table.push_back(entry.enrolment);
  return table_.save(table);
}

// One that is held open is known by its number; an absent one only by its incarnation.
Agent::Impl::Entries::iterator Agent::Impl::find(const Netns& netns,
                                                 const std::string& incarnation) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const auto& element) {
    const auto& entry = element.second;
    return entry.enrolment.id == netns.id() &&
           (!entry.absent() || entry.enrolment.incarnation == incarnation);
  });
}

// `known`: the enrolment of the namespace that is asked for, or the end.
Result<std::string> Agent::Impl::choose_uid(const EnrolRequest& request,
                                            Entries::const_iterator known) {
  if (request.pod.uid.empty()) return random_uid();
  const auto it = entries_.find(request.pod.uid);
  if (it == entries_.end() || it == known) return request.pod.uid;
  return fail(Errc::invalid, "uid " + request.pod.uid + " belongs to " +
                                 it->second.enrolment.netns.describe() +
                                 " already: withdraw that first, or leave --uid out");
}

Result<Outcome> Agent::Impl::enroll(const EnrolRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto where = request.netns.describe();
  if (auto good = check_pod(request.pod); !good) return good.error().with(where);
  auto netns = Netns::open(request.netns);
  if (!netns) return netns.error();
  if (auto foreign = refuse_own(*netns, request.force); !foreign)
    return foreign.error().with(where);
  const auto incarnation = netns_incarnation(netns->fd());
  if (!incarnation) return incarnation.error().with(where);
  const auto known = find(*netns, *incarnation);
  const auto uid = choose_uid(request, known);
  if (!uid) return uid.error();
  if (known != entries_.end()) return enroll_again(known->second, std::move(*netns), request);
  Enrolment enrolment{request.pod, request.netns, netns->id(), request.redirect, *incarnation};
  enrolment.pod.uid = *uid;
  enrolment.redirect.dns = false;  // until the daemon turns out to answer it
  enrolment.capture_dns = request.dns != DnsCapture::never;
  return enroll_new(Entry{enrolment, std::move(*netns)}, request);
}

Result<Outcome> Agent::Impl::enroll_new(Entry entry, const EnrolRequest& request) {
  const auto uid = entry.enrolment.pod.uid;
  const auto where = entry.enrolment.netns.describe();
  const auto before = inspect_redirection(entry.netns.fd());
  if (!before) return before.error().with(where);
  const bool ours = !before->anything();
  if (!ours && !request.force) return not_ours().with(where);
  auto& kept = entries_.emplace(uid, std::move(entry)).first->second;
  if (auto saved = save(); !saved) {
    entries_.erase(uid);
    return saved.error();
  }
  Outcome outcome{uid, {}};
  if (auto installed = install_redirection(kept.netns.fd(), kept.enrolment.redirect); !installed)
    return roll_back(uid, ours, installed.error().with(where));
  outcome.steps.push_back("redirection installed (" + describe(kept.enrolment.redirect) + ")");
  if (const auto handed = hand_over(kept, outcome); !handed) {
    if (!request.keep_pending) return roll_back(uid, ours, handed.error());
    outcome.steps.push_back("pending, tried again until the daemon takes it: " +
                            handed.error().detail);
    return outcome;
  }
  if (auto seen = see_to_dns(kept, request.dns, outcome); !seen)
    return roll_back(uid, ours, seen.error().with(where));
  return outcome;
}

// Repeats what may be missing, and never takes anything away from what already worked.
Result<Outcome> Agent::Impl::enroll_again(Entry& entry, Netns netns, const EnrolRequest& request) {
  Enrolment& enrolment = entry.enrolment;
  if (!same_workload(enrolment.pod, request.pod) ||
      (!request.pod.uid.empty() && request.pod.uid != enrolment.pod.uid))
    return fail(Errc::invalid, request.netns.describe() + " is enrolled as " +
                                   title(enrolment.pod) + " (uid " + enrolment.pod.uid +
                                   ") already: withdraw that first");
  Outcome outcome{enrolment.pod.uid, {"enrolled already"}};
  auto wanted = request.redirect;
  wanted.dns = enrolment.redirect.dns && request.dns != DnsCapture::never;
  if (auto installed = install_redirection(netns.fd(), wanted); !installed)
    return installed.error().with(request.netns.describe());
  const bool was_absent = entry.absent();
  const auto before = enrolment;
  if (was_absent) {
    entry.netns = std::move(netns);
    enrolment.netns = request.netns;
  }
  // Only what is in place is remembered: a restart puts the remembered options in place again.
  enrolment.redirect = wanted;
  enrolment.leaving = false;
  // What is demanded may be refused yet.
  if (request.dns != DnsCapture::demanded)
    enrolment.capture_dns = request.dns == DnsCapture::when_served;
  entry.trouble.clear();
  if (auto saved = save(); !saved) {
    enrolment = before;
    if (was_absent) entry.netns = Netns();
    return saved.error();
  }
  outcome.steps.push_back("redirection in place (" + describe(enrolment.redirect) + ")");
  if (const auto handed = hand_over(entry, outcome); !handed) {
    if (!request.keep_pending) return handed.error();
    outcome.steps.push_back("pending: " + handed.error().detail);
    return outcome;
  }
  if (auto seen = see_to_dns(entry, request.dns, outcome); !seen)
    return seen.error().with(request.netns.describe() + ": enrolled as before");
  return outcome;
}

PodInfo Agent::Impl::introduced(const Entry& entry) {
  auto pod = entry.enrolment.pod;
  const auto conf = resolv_conf_of(entry.enrolment.netns, entry.netns);
  // The node's own file is the daemon's to read: it notices when that changes.
  if (!conf.nodes) pod.nameservers = conf.nameservers;
  return pod;
}

Result<void> Agent::Impl::hand_over(const Entry& entry, Outcome& outcome) {
  auto copy = entry.netns.duplicate();
  if (!copy) return copy.error();
  const auto pod = introduced(entry);
  auto added = zds_->add(pod, std::move(*copy));
  if (!added && added.error().code == Errc::refused)
    return added.error().with("the daemon refuses " + title(pod));
  if (!added) return added.error().with(title(pod));
  outcome.steps.push_back("the daemon serves " + title(pod) + " as service account " +
                          pod.service_account);
  return {};
}

// `ours`: the namespace had no redirection before. Returns the failure to report.
Error Agent::Impl::roll_back(const std::string& uid, bool ours, const Error& why) {
  Error failure = why;
  bool clean = true;
  const auto note = [&](const char* what, const Result<void>& result) {
    clean = clean && result.has_value();
    if (!result) failure.detail += std::string("; ") + what + ": " + result.error().detail;
  };
  const auto it = entries_.find(uid);
  if (ours) note("removing the redirection failed", remove_redirection(it->second.netns.fd()));
  note("telling the daemon failed", zds_->del(uid));
  entries_.erase(it);
  note("saving the table failed", save());
  if (!ours) failure.detail += "; the redirection that was there before is not put back";
  if (ours && clean) failure.detail += "; everything was taken back";
  return failure;
}

std::vector<EnrolmentStatus> Agent::Impl::list() const {
  const std::lock_guard lock(mutex_);
  const auto pods = zds_->pods();
  std::vector<EnrolmentStatus> all;
  for (const auto& [uid, entry] : entries_) {
    EnrolmentStatus status{entry.enrolment, false, entry.absent(), "not handed over"};
    for (const auto& pod : pods) {
      if (pod.pod.uid != uid) continue;
      status.up = pod.up;
      status.error = pod.error;
    }
    if (!entry.trouble.empty()) {
      status.up = false;
      status.error = entry.trouble;
    }
    if (entry.enrolment.leaving)
      status.error = "its withdrawal is not complete: the agent's log says what hinders it";
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace culvert::host
