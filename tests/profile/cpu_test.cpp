#include "culvert/profile/cpu.hpp"

#include "proto/profile.pb.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

namespace culvert::profile {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> enough{false};
std::atomic<std::uint64_t> sink{0};

}  // namespace

// Where the CPU time goes, with a caller to be found above it. Outside of the unnamed namespace:
// the names are looked for.
[[gnu::noinline]] void burn_inside() {
  for (int i = 0; i < 10'000; ++i) sink.fetch_add(1, std::memory_order_relaxed);
}
[[gnu::noinline]] void burn_outside() {
  while (!enough.load()) burn_inside();
  sink.fetch_add(1);  // no tail call
}

namespace {

class CpuProfile : public testing::Test {
 protected:
  void SetUp() override {
    enough.store(false);
    burner_ = std::thread([] {
      ::pthread_setname_np(::pthread_self(), "burner");
      burn_outside();
    });
  }
  void TearDown() override {
    enough.store(true);
    burner_.join();
  }

  static format::Profile take(std::chrono::milliseconds duration, int frequency) {
    format::Profile profile;
    const auto taken = record_cpu(duration, frequency, {});
    EXPECT_TRUE(taken && profile.ParseFromString(*taken));
    return profile;
  }

  // Until it has caught something: on a busy machine the burner may hardly run.
  static format::Profile take_some() {
    for (int i = 0;; ++i) {
      auto profile = take(500ms, 200);
      if (profile.sample_size() > 0 || i == 20) return profile;
    }
  }

  static const std::string& text(const format::Profile& profile, std::int64_t index) {
    return profile.string_table(static_cast<int>(index));
  }

  // The functions of a sample, the innermost first, "?" where there is no name.
  static std::string stack_of(const format::Profile& profile, const format::Sample& sample) {
    std::string names;
    for (const auto id : sample.location_id()) {
      const auto& location = profile.location(static_cast<int>(id) - 1);
      names +=
          location.line_size() == 0
              ? "?"
              : text(profile,
                     profile.function(static_cast<int>(location.line(0).function_id()) - 1).name());
      names += ";";
    }
    return names;
  }

 private:
  std::thread burner_;
};

TEST_F(CpuProfile, FindsWhoUsesTheCpuAndWhoCalledIt) {
  const auto profile = take_some();
  std::int64_t all = 0;
  std::int64_t found = 0;
  for (const auto& sample : profile.sample()) {
    ASSERT_EQ(sample.value_size(), 2);
    EXPECT_EQ(sample.value(1), sample.value(0) * profile.period());
    all += sample.value(0);
    if (sample.label_size() == 0 || text(profile, sample.label(0).str()) != "burner") continue;
    if (stack_of(profile, sample).find("burn_outside()") != std::string::npos)
      found += sample.value(0);
  }
  EXPECT_GT(all, 0);
  EXPECT_GE(found * 10, all * 8) << profile.ShortDebugString();
}

TEST_F(CpuProfile, SaysWhatItsNumbersMean) {
  const auto profile = take(50ms, 250);
  ASSERT_EQ(profile.sample_type_size(), 2);
  EXPECT_EQ(text(profile, profile.sample_type(0).type()), "samples");
  EXPECT_EQ(text(profile, profile.sample_type(0).unit()), "count");
  EXPECT_EQ(text(profile, profile.sample_type(1).type()), "cpu");
  EXPECT_EQ(text(profile, profile.sample_type(1).unit()), "nanoseconds");
  EXPECT_EQ(profile.period(), 4'000'000);
  EXPECT_EQ(text(profile, 0), "");
  EXPECT_GE(profile.duration_nanos(), 50'000'000);
}

TEST_F(CpuProfile, AtTheHighestRateNothingBreaks) {
  std::atomic<bool> done{false};
  // Whoever comes and goes, allocates and throws while it is interrupted.
  std::thread churn([&done] {
    while (!done) {
      std::thread([] {
        try {
          throw std::string(100, 'x');
        } catch (const std::string& text) {
          sink.fetch_add(text.size());
        }
      }).join();
    }
  });
  const auto profile = take(2s, 1000);
  done = true;
  churn.join();
  EXPECT_GT(profile.sample_size(), 0);
}

TEST_F(CpuProfile, OneAtATimeAndStoppedEarly) {
  std::stop_source stop;
  std::string first;
  std::thread one([&] {
    auto taken = record_cpu(1h, 10, stop.get_token());
    while (!taken) taken = record_cpu(1h, 10, stop.get_token());  // the short ones come between
    first = *taken;
  });
  Result<std::string> second = std::string();
  do {  // until the other one has begun
    second = record_cpu(1ms, 10, {});
  } while (second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
  stop.request_stop();
  one.join();
  EXPECT_FALSE(first.empty());
  ASSERT_EQ(::raise(SIGPROF), 0) << "a signal that comes late is harmless";
}

}  // namespace
}  // namespace culvert::profile
