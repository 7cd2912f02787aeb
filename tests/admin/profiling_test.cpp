#include "admin/profiling.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace culvert::admin {
namespace {

class ProfilingTest : public testing::Test {
 protected:
  ProfilingTest() {
    hooks.record_cpu = [this](std::chrono::milliseconds duration, int frequency,
                              const std::stop_token& stop) -> Result<std::string> {
      asked = std::to_string(duration.count()) + "/" + std::to_string(frequency);
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any().wait(lock, stop, [this] { return !hold; });
      return answer;
    };
    hooks.heap_available = [this] { return available; };
    hooks.heap_active = [this] { return active; };
    hooks.activate_heap = [this](bool on) -> Result<void> {
      active = on;
      return {};
    };
    hooks.record_heap = [this] { return answer; };
  }

  HttpReply get(std::string path, std::string query = {},
                std::optional<std::uint32_t> user = ::geteuid()) {
    auto reply = profiling.answer(
        {"GET", "/debug/pprof/" + path, std::move(query), "", "", [user] { return user; }});
    while (reply.later) {
      if (const auto done = reply.later()) return *done;
      if (hold) return reply;
      std::this_thread::yield();
    }
    return reply;
  }

  Result<std::string> answer = std::string("a profile");
  std::string asked;
  bool hold = false;
  bool available = true;
  bool active = false;
  ProfileHooks hooks;
  Profiling profiling{hooks};
};

TEST_F(ProfilingTest, CpuProfileOfAsLongAndAsOftenAsAsked) {
  auto reply = get("profile");
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.body, "a profile");
  EXPECT_EQ(reply.content_type, "application/octet-stream");
  EXPECT_EQ(asked, "10000/100");
  EXPECT_EQ(get("profile", "seconds=300&frequency=1000").status, 200U);
  EXPECT_EQ(asked, "300000/1000");
}

TEST_F(ProfilingTest, BadValuesAreRefused) {
  asked = "nothing";
  for (const char* value : {"0", "301", "-1", "x", "", "1.5", "1 ", "99999999999999999999"}) {
    const auto seconds = get("profile", std::string("seconds=") + value);
    EXPECT_EQ(seconds.status, 400U) << value;
    EXPECT_EQ(seconds.body, "invalid seconds value; expected 1-300\n");
  }
  for (const char* value : {"0", "1001", "-1", "x", ""}) {
    const auto frequency = get("profile", std::string("frequency=") + value);
    EXPECT_EQ(frequency.status, 400U) << value;
    EXPECT_EQ(frequency.body, "invalid frequency value; expected 1-1000\n");
  }
  EXPECT_EQ(asked, "nothing");
}

TEST_F(ProfilingTest, OneAtATimeAndEndedEarly) {
  hold = true;
  auto first = get("profile");
  ASSERT_TRUE(first.later);
  EXPECT_EQ(get("profile").status, 500U);
  EXPECT_EQ(get("profile").body, "a CPU profile is being taken already\n");
  hold = false;
  profiling.end();
  while (!first.later()) std::this_thread::yield();
  EXPECT_EQ(first.later()->body, "a profile");
  EXPECT_EQ(get("profile").status, 200U) << "and then the next";
}

TEST_F(ProfilingTest, FailuresAreTold) {
  answer = fail(Errc::io, "no timers");
  EXPECT_EQ(get("profile").status, 500U);
  EXPECT_EQ(get("profile").body, "no timers\n");
  active = true;
  EXPECT_EQ(get("heap").status, 500U);
  EXPECT_EQ(get("heap").body, "no timers\n");
}

TEST_F(ProfilingTest, HeapIsOffUntilAskedFor) {
  EXPECT_EQ(get("heap").status, 500U);
  EXPECT_EQ(get("heap").body,
            "heap profiling not active; activate with /debug/pprof/heap/profiling?activate=true");
  EXPECT_EQ(get("heap/profiling").body, "heap profiling active: false\n");
  EXPECT_EQ(get("heap/profiling", "activate=true").body, "heap profiling active: true\n");
  const auto taken = get("heap");
  EXPECT_EQ(taken.status, 200U);
  EXPECT_TRUE(taken.body.starts_with("\x1f\x8b")) << "a gzip file";
  EXPECT_EQ(taken.content_encoding, "");
  EXPECT_EQ(get("heap/profiling", "activate=false").body, "heap profiling active: false\n");
  const auto wrong = get("heap/profiling", "activate=yes");
  EXPECT_EQ(wrong.status, 400U);
  EXPECT_EQ(wrong.body, "invalid activate value \"yes\"; expected true or false\n");
}

TEST_F(ProfilingTest, WithoutAnAllocatorThatCanTheHeapSaysSo) {
  available = false;
  EXPECT_EQ(get("heap").status, 500U);
  EXPECT_EQ(get("heap").body, "heap profiling is not enabled");
  EXPECT_EQ(get("heap/profiling", "activate=true").status, 500U);
  EXPECT_FALSE(active);
}

TEST_F(ProfilingTest, OnlyForRootAndTheOwnUser) {
  asked = "nothing";
  for (const char* path : {"profile", "heap", "heap/profiling", "other"}) {
    EXPECT_EQ(get(path, "activate=true", ::geteuid() + 4711).status, 403U);
    EXPECT_EQ(get(path, "activate=true", std::nullopt).status, 403U);
  }
  EXPECT_EQ(asked, "nothing");
  EXPECT_FALSE(active);
  EXPECT_EQ(get("heap/profiling", "", 0).status, 200U);
  EXPECT_EQ(get("other").status, 404U);
}

}  // namespace
}  // namespace culvert::admin
