// Parts of the demo that need no network: processes and Fortio's result.
#include "cli/demo/load.hpp"
#include "cli/demo/process.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>

namespace culvert::cli::demo {
namespace {

using ::testing::HasSubstr;

TEST(Run, ReturnsOutputOfBothStreamsAndTheCode) {
  Command command;
  command.words = {"sh", "-c", "cat; echo oops >&2; echo $DEMO_WORD; exit 3"};
  command.environment = {{"DEMO_WORD", "word"}};
  const auto finished = run(command, "input\n");
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->exit_code, 3);
  EXPECT_EQ(finished->output, "input\noops\nword\n");
}

TEST(Run, NamesAMissingProgram) {
  Command command;
  command.words = {"no-such-program-here"};
  const auto finished = run(command);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::not_found);
}

TEST(Process, EndsWhenToldAndWhenDropped) {
  Command command;
  command.words = {"sleep", "100"};
  auto process = Process::start(command);
  ASSERT_TRUE(process);
  EXPECT_TRUE(process->running());
  EXPECT_EQ(process->stop(), 128 + 15);
  EXPECT_FALSE(process->running());
}

// Told so early that it is still a copy of the demo, which does not end by such a signal.
TEST(Process, EndsWhenToldBeforeItHasBegun) {
  struct sigaction mine{};
  struct sigaction before{};
  mine.sa_handler = [](int) {};
  ::sigaction(SIGTERM, &mine, &before);
  Command command;
  command.words = {"sleep", "100"};
  for (int i = 0; i < 20; ++i) {
    auto process = Process::start(command);
    ASSERT_TRUE(process);
    EXPECT_EQ(process->stop(std::chrono::seconds(2)), 128 + 15);
  }
  ::sigaction(SIGTERM, &before, nullptr);
}

TEST(Process, IsKilledWhenItDoesNotListen) {
  Command command;
  command.words = {"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"};
  auto process = Process::start(command);
  ASSERT_TRUE(process);
  const auto code = process->stop(std::chrono::milliseconds(200));
  EXPECT_TRUE(code == 128 + 9 || code == 128 + 15);  // 15 if it came before the trap
}

TEST(Fortio, ResultIsRead) {
  const auto latency = parse_fortio(
      R"({"ActualQPS": 998.5, "DurationHistogram": {"Percentiles": [
          {"Percentile": 50, "Value": 0.001}, {"Percentile": 90, "Value": 0.002},
          {"Percentile": 99, "Value": 0.003}]}})");
  ASSERT_TRUE(latency);
  EXPECT_DOUBLE_EQ(latency->p50, 1);
  EXPECT_DOUBLE_EQ(latency->p99, 3);
  EXPECT_DOUBLE_EQ(latency->rate, 998.5);
  for (const auto* bad : {"", "[]", "{}", R"({"DurationHistogram": {}})"})
    EXPECT_FALSE(parse_fortio(bad)) << bad;
}

}  // namespace
}  // namespace culvert::cli::demo
