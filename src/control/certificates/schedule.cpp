#include "control/certificates/schedule.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace culvert::control {
namespace {

// The calendar clock may be set at any time; nothing is slept through for longer than this.
constexpr Duration kLongestSleep = std::chrono::minutes(1);
// A CA whose certificates are half over on arrival must not be asked in a loop.
constexpr Duration kShortestRenewal = std::chrono::seconds(1);
// Renewals are spread over the last twentieth of the first half of the lifetime: the certificates
// of a node are obtained together at start, but need not be renewed together for ever.
constexpr int kSpread = 40;

}  // namespace

CertificateSchedule::Answer CertificateSchedule::want(const Now& now, const Identity& identity,
                                                      tls::Priority priority) {
  const auto [found, added] = entries_.try_emplace(identity);
  auto& entry = found->second;
  entry.forgotten.reset();
  if (added) {
    entry.priority = priority;
    entry.due = now.steady;
  }
  if (holds(entry, now)) return Answer::held;
  if (entry.state == State::unavailable) return Answer::failed;
  // Renewals fail, and the calendar was set past the end of what is held: the pause was meant for
  // a certificate that is still good.
  if (entry.state == State::available && !entry.error.empty())
    entry.due = std::min(entry.due, now.steady);
  entry.priority = std::max(entry.priority, priority);
  return Answer::wait;
}

bool CertificateSchedule::forget(const Now& now, const Identity& identity) {
  const auto found = entries_.find(identity);
  if (found == entries_.end()) return false;
  if (holds(found->second, now)) {
    if (!found->second.forgotten) found->second.forgotten = now.steady + linger_;
    return false;
  }
  entries_.erase(found);
  return true;
}

std::vector<Identity> CertificateSchedule::expired(const Now& now) {
  std::vector<Identity> out;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.forgotten && now.steady >= *entry->second.forgotten) {
      out.push_back(entry->first);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
  return out;
}

bool CertificateSchedule::is_due(const Entry& entry, const Now& now) {
  if (entry.token != 0 || entry.forgotten) return false;
  if (now.steady < entry.due) return false;
  return !entry.renew || now.wall >= *entry.renew;
}

std::vector<CertificateSchedule::Request> CertificateSchedule::due(const Now& now) {
  std::vector<std::pair<const Identity*, Entry*>> ready;
  for (auto& [identity, entry] : entries_)
    if (is_due(entry, now)) ready.emplace_back(&identity, &entry);
  const auto count = std::min(ready.size(), max_in_flight_ - in_flight_);
  const auto middle = ready.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(ready.begin(), middle, ready.end(), [](const auto& a, const auto& b) {
    if (a.second->priority != b.second->priority) return a.second->priority > b.second->priority;
    return a.second->due < b.second->due;
  });
  std::vector<Request> out;
  for (auto next = ready.begin(); next != middle; ++next) {
    next->second->token = ++last_token_;
    ++in_flight_;
    out.push_back({*next->first, last_token_});
  }
  return out;
}

CertificateSchedule::Entry* CertificateSchedule::finish(const Request& request) {
  --in_flight_;
  const auto found = entries_.find(request.identity);
  if (found == entries_.end() || found->second.token != request.token) return nullptr;
  found->second.token = 0;
  found->second.priority = tls::Priority::background;
  return &found->second;
}

CertificateSchedule::Outcome CertificateSchedule::succeeded(const Now& now, const Request& request,
                                                            const Lifetime& lifetime) {
  if (now.wall >= lifetime.not_after)
    return failed(now, request, "the CA answered with a certificate that has expired");
  auto* entry = finish(request);
  if (entry == nullptr) return Outcome::ignored;
  entry->state = State::available;
  entry->not_after = lifetime.not_after;
  entry->error.clear();
  entry->backoff = {};
  const auto total = std::max(lifetime.not_after - lifetime.not_before, WallTime::duration{});
  const auto spread = static_cast<std::uint64_t>((total / kSpread).count());
  const auto early = static_cast<WallTime::rep>(spread == 0 ? 0 : random_.below(spread));
  entry->renew = lifetime.refresh_at - WallTime::duration(early);
  entry->due = now.steady + kShortestRenewal;
  return Outcome::available;
}

CertificateSchedule::Outcome CertificateSchedule::failed(const Now& now, const Request& request,
                                                         const std::string& why) {
  auto* entry = finish(request);
  if (entry == nullptr) return Outcome::ignored;
  entry->error = why;
  entry->renew.reset();
  entry->due = now.steady + entry->backoff.next(now.steady, random_);
  if (!holds(*entry, now)) {
    entry->state = State::unavailable;
    return Outcome::unavailable;
  }
  // Try once more at the end of what is held, so that the next state is not known too late.
  const auto end = now.steady + std::chrono::duration_cast<Duration>(entry->not_after - now.wall);
  entry->due = std::min(entry->due, end);
  return Outcome::kept;
}

std::optional<TimePoint> CertificateSchedule::deadline(const Now& now) const {
  std::optional<TimePoint> first;
  const auto consider = [&](TimePoint at) { first = first ? std::min(*first, at) : at; };
  const bool full = in_flight_ >= max_in_flight_;
  for (const auto& [identity, entry] : entries_) {
    if (entry.forgotten) consider(*entry.forgotten);
    if (entry.token != 0 || entry.forgotten || full) continue;
    auto at = entry.due;
    if (entry.renew)
      at = std::max(at, now.steady + std::chrono::duration_cast<Duration>(*entry.renew - now.wall));
    consider(std::min(at, std::max(entry.due, now.steady + kLongestSleep)));
  }
  return first;
}

std::string CertificateSchedule::state(const Identity& identity) const {
  const auto found = entries_.find(identity);
  if (found == entries_.end()) return {};
  switch (found->second.state) {
    case State::initializing:
      return "Initializing";
    case State::available:
      return "Available";
    case State::unavailable:
      break;
  }
  return "Unavailable: " + found->second.error;
}

std::string CertificateSchedule::last_error(const Identity& identity) const {
  const auto found = entries_.find(identity);
  return found == entries_.end() ? std::string() : found->second.error;
}

}  // namespace culvert::control
