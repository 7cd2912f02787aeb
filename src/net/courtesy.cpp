#include "culvert/net/courtesy.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace culvert::net {

namespace {

// So many that one hiccup of the machine (10 ms, say) does not decide.
constexpr std::uint64_t kEnoughSlices = 400;
// A wait that no user notices, nanoseconds: the cost of a wake-up itself is of that order.
constexpr std::uint64_t kNoWait = 50'000;

bool set_policy(int policy) {
  const sched_param parameters{};  // the nice value is kept
  return ::sched_setscheduler(0, policy, &parameters) == 0;
}

}  // namespace

// Work that waits about as long as it runs is queued behind work like itself. That is so under full
// load as well, where courtesy still saves changes of context. Behind foreign time slices the wait
// was four to seven times the run.
bool CourtesyRule::waits_too_long(const RunStatistics& since) const {
  const auto wait = since.waited_ns / since.slices;
  return wait > kNoWait && wait > 2 * (since.ran_ns / since.slices);
}

bool CourtesyRule::review(const RunStatistics& statistics, TimePoint now) {
  if (!last_) last_ = statistics;
  const RunStatistics since{statistics.ran_ns - last_->ran_ns,
                            statistics.waited_ns - last_->waited_ns,
                            statistics.slices - last_->slices};
  if (!courteous_) {
    // What it would have to wait cannot be seen from here: only another try tells.
    if (now - changed_ < pause_) return false;
    courteous_ = true;
    changed_ = now;
    last_ = statistics;
    return true;
  }
  if (since.slices < kEnoughSlices) return true;
  last_ = statistics;
  if (waits_too_long(since)) {
    // Each try that fails soon makes the next one later.
    const bool lasted = now - changed_ > kLongestPause;
    pause_ = lasted ? Duration(kFirstPause) : std::min<Duration>(2 * pause_, kLongestPause);
    courteous_ = false;
    changed_ = now;
  }
  return courteous_;
}

void Courtesy::begin() {
  if (::sched_getscheduler(0) != SCHED_OTHER) return;
  counters_ = UniqueFd(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  RunStatistics first;
  if (!counters_ || !read(first) || first.slices == 0 || !set_policy(SCHED_BATCH)) return;
  courteous_ = true;
  due_ = TimePoint{};
}

void Courtesy::look(TimePoint now) {
  due_ = now + CourtesyRule::kPeriod;
  RunStatistics statistics;
  if (!read(statistics)) return;
  const bool courteous = rule_.review(statistics, now);
  if (courteous != courteous_ && set_policy(courteous ? SCHED_BATCH : SCHED_OTHER))
    courteous_ = courteous;
}

bool Courtesy::read(RunStatistics& into) const {
  std::array<char, 96> text{};
  const auto n = ::pread(counters_.get(), text.data(), text.size() - 1, 0);
  return n > 0 && std::sscanf(text.data(), "%" SCNu64 " %" SCNu64 " %" SCNu64, &into.ran_ns,
                              &into.waited_ns, &into.slices) == 3;
}

}  // namespace culvert::net
