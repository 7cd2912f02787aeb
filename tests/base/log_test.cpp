#include "culvert/base/log.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace culvert::log {
namespace {

using namespace std::chrono_literals;

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

// All that tests with many lines need: a line of the access log has some 600 bytes.
constexpr auto kPatient = 60s;
void log_lines(int count) {
  const std::string padding(550, 'x');
  for (int i = 0; i < count; ++i) info(test_target, padding, {num("i", i)});
}
std::uint64_t lines_of(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// Stops while a reader takes everything; returns what it got.
std::string stop_and_read(Pipe& pipe) {
  std::string text;
  std::thread reader([&] { text = read_all(pipe.read.get()); });
  stop(kPatient);
  pipe.write.reset();
  reader.join();
  return text;
}

// A node's drain ends this many connections at once, while the reader is busy elsewhere.
TEST(Log, TenThousandLinesAtOnceAreKept) {
  Pipe pipe;
  const auto before = dropped();
  start(Format::plain, pipe.write.get());
  log_lines(10000);
  const auto text = stop_and_read(pipe);
  EXPECT_EQ(dropped(), before);
  EXPECT_EQ(lines_of(text), 10000U);
}

// Nobody reads for a while: write() must return all the same, the newest lines survive, and the log
// says itself how many are missing.
TEST(Log, ASlowReaderIsToldHowManyLinesAreMissing) {
  Pipe pipe;
  const auto before = dropped();
  start(Format::plain, pipe.write.get());
  log_lines(40000);
  const auto text = stop_and_read(pipe);
  const auto lost = dropped() - before;
  EXPECT_GT(lost, 0U);
  std::uint64_t told = 0;
  std::uint64_t notices = 0;
  const std::regex notice("\twarn\tlog\t[^\n]*\tdropped=([0-9]+)\n");
  for (std::sregex_iterator it(text.begin(), text.end(), notice), end; it != end; ++it) {
    told += std::stoull((*it)[1]);
    ++notices;
  }
  EXPECT_EQ(told, lost);
  EXPECT_EQ(lines_of(text) - notices + told, 40000U);
  EXPECT_NE(text.find("i=39999\n"), std::string::npos);
}

// One line that is larger than all that may be queued pushes the others out, and is not lost.
TEST(Log, TheQueueIsBoundedInBytes) {
  Pipe pipe;
  const auto before = dropped();
  start(Format::plain, pipe.write.get());
  log_lines(200);  // more than the pipe takes: most of them wait
  info(test_target, std::string(9 << 20, 'y'));
  const auto text = stop_and_read(pipe);
  EXPECT_GT(dropped() - before, 0U);
  EXPECT_GT(text.size(), std::size_t{9} << 20);
}

// A reader that has stopped for ever must not hold up the end of the process.
TEST(Log, StopDoesNotWaitForAReaderThatNeverReads) {
  ::signal(SIGPIPE, SIG_IGN);  // the writer is inside write() when the pipe goes
  Pipe pipe;
  const auto before = dropped();
  start(Format::plain, pipe.write.get());
  log_lines(1000);
  const auto begin = std::chrono::steady_clock::now();
  stop(300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_GT(dropped() - before, 800U);      // the pipe has taken 64 KiB
  static_cast<void>(pipe.write.release());  // the writer that was left behind may still use it
}

TEST(Log, StoppingTwiceIsHarmless) {
  stop();
  stop();
  EXPECT_EQ(dropped(), dropped());
}

}  // namespace
}  // namespace culvert::log
