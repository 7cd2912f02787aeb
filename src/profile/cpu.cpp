#include "culvert/profile/cpu.hpp"

#include "profile/document.hpp"
#include "profile/sampler.hpp"
#include "profile/thread_timers.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace culvert::profile {

namespace {

constexpr auto kLook = std::chrono::milliseconds(100);

// How many periods each stack of each thread has been seen in.
class Counts {
 public:
  void add(const Stack& stack) {
    Key key{stack.thread, {stack.frames.begin(), stack.frames.begin() + stack.depth}};
    counts_[std::move(key)] += stack.weight;
  }

  std::string finish(std::chrono::nanoseconds duration, std::chrono::nanoseconds period,
                     const ThreadTimers& timers) const {
    Document document({{"samples", "count"}, {"cpu", "nanoseconds"}});
    document.set_period({"cpu", "nanoseconds"}, period.count());
    document.set_duration(duration);
    for (const auto& [key, count] : counts_)
      document.add(key.second, {count, count * period.count()}, timers.name(key.first));
    return document.finish();
  }

 private:
  using Key = std::pair<std::int32_t, std::vector<std::uintptr_t>>;
  std::map<Key, std::int64_t> counts_;
};

}  // namespace

Result<std::string> record_cpu(std::chrono::milliseconds duration, int frequency,
                               const std::stop_token& stop) {
  static std::mutex busy;
  const std::unique_lock only(busy, std::try_to_lock);
  if (!only) return fail(Errc::unavailable, "a CPU profile is being taken already");
  const auto period = std::chrono::nanoseconds(std::chrono::seconds(1)) / frequency;
  const auto ring = std::make_unique<StackRing>();
  Counts counts;
  ThreadTimers timers(period);
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - begin; };
  {
    const Sampler sampler(*ring);
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (elapsed() < duration && !stop.stop_requested()) {
      timers.follow();
      stopped.wait_for(lock, stop, std::min<std::chrono::nanoseconds>(kLook, duration - elapsed()),
                       [] { return false; });
      ring->drain([&](const Stack& stack) { counts.add(stack); });
    }
  }
  ring->drain([&](const Stack& stack) { counts.add(stack); });
  return counts.finish(elapsed(), period, timers);
}

}  // namespace culvert::profile
