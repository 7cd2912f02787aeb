#include "culvert/base/log.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace culvert::log {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

// Everything until the writing end is closed.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto n = ::read(fd, buffer, sizeof(buffer));
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

Target test_target("log_test");

TEST(Log, WritesTheLinesOfAllThreads) {
  Pipe pipe;
  start(Format::plain, pipe.write.get());
  std::string text;
  std::thread reader([&] { text = read_all(pipe.read.get()); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) info(test_target, "hello", {num("i", i)});
    });
  }
  for (auto& thread : threads) thread.join();
  stop();
  pipe.write.reset();
  reader.join();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 400);
  EXPECT_NE(text.find("\tinfo\tlog_test\thello\ti=99\n"), std::string::npos);
}

TEST(Log, WritesJsonWhenAsked) {
  Pipe pipe;
  start(Format::json, pipe.write.get());
  error(test_target, "bad", {str("why", "x")});
  stop();
  pipe.write.reset();
  const auto text = read_all(pipe.read.get());
  EXPECT_EQ(text.rfind("{\"level\":\"error\",\"time\":\"", 0), 0U) << text;
  EXPECT_NE(text.find("\"message\":\"bad\",\"why\":\"x\"}\n"), std::string::npos) << text;
}

TEST(Log, DisabledLinesAreNotWritten) {
  Pipe pipe;
  start(Format::plain, pipe.write.get());
  ASSERT_TRUE(set_filter("warn").has_value());
  info(test_target, "quiet");
  warn(test_target, "loud");
  ASSERT_TRUE(set_filter("info").has_value());
  stop();
  pipe.write.reset();
  const auto text = read_all(pipe.read.get());
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find("loud"), std::string::npos);
}

// Nobody reads: the pipe takes 64 KiB, the queue some more, and the oldest lines go. write() must
// return all the same.
TEST(Log, ASlowReaderCostsLinesNotTime) {
  Pipe pipe;
  const auto before = dropped();
  start(Format::plain, pipe.write.get());
  const std::string padding(400, 'x');
  constexpr int kLines = 10000;
  for (int i = 0; i < kLines; ++i) info(test_target, padding, {num("i", i)});
  const auto lost = dropped() - before;
  EXPECT_GT(lost, 0U);
  std::string text;
  std::thread reader([&] { text = read_all(pipe.read.get()); });
  stop();
  pipe.write.reset();
  reader.join();
  EXPECT_GE(dropped() - before, lost);
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_EQ(lines + dropped() - before, static_cast<std::uint64_t>(kLines));
  EXPECT_NE(text.find("i=9999\n"), std::string::npos);  // the newest survive
}

TEST(Log, StoppingTwiceIsHarmless) {
  stop();
  stop();
  EXPECT_EQ(dropped(), dropped());
}

}  // namespace
}  // namespace culvert::log
