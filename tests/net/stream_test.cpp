// Waits that are ended from outside.
#include "culvert/net/stream.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

const SocketAddress kLoopback{IpAddress::v4_loopback(), 0};

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    stream.emplace(worker, UniqueFd(fds[0]));
    other.reset(fds[1]);
  }

  static Async<void> read(StreamTest* self) {
    std::array<std::uint8_t, 16> buffer;
    auto n = co_await self->stream->read_some(buffer);
    self->outcome = n ? Result<void>() : Result<void>(n.error());
  }
  static Async<void> write(StreamTest* self, std::vector<std::uint8_t> data) {
    self->outcome = co_await self->stream->write_all(data);
  }
  static Async<void> connect(StreamTest* self, SocketAddress to, Cancellation* cancellation) {
    auto fd =
        co_await dial(self->worker, {}, to, std::nullopt, {}, Clock::now() + 1min, cancellation);
    self->outcome = fd ? Result<void>() : Result<void>(fd.error());
  }

  void some_turns() {
    worker.run_until([n = 0]() mutable { return ++n > 5; });
  }
  void finished() {
    const auto deadline = Clock::now() + 10s;
    worker.run_until([&] { return outcome.has_value() || Clock::now() > deadline; });
    ASSERT_TRUE(outcome.has_value()) << "the wait goes on";
  }

  Worker worker{0};
  std::optional<Stream> stream;
  UniqueFd other;
  std::optional<Result<void>> outcome;
};

TEST_F(StreamTest, CancellingEndsTheReadInProgressAndEveryLaterCall) {
  spawn(worker, read(this));
  some_turns();
  ASSERT_FALSE(outcome.has_value());
  stream->cancel(fail(Errc::cancelled, "drain"));
  stream->cancel(fail(Errc::cancelled, "a second reason"));
  finished();
  ASSERT_TRUE(outcome->has_error());
  EXPECT_EQ(outcome->error().detail, "drain");
  outcome.reset();
  ASSERT_EQ(::send(other.get(), "x", 1, 0), 1);
  spawn(worker, read(this));
  finished();
  EXPECT_TRUE(outcome->has_error()) << "read what came after the end";
}

TEST_F(StreamTest, CancellingEndsAWriteThatNobodyTakes) {
  spawn(worker, write(this, std::vector<std::uint8_t>(4 << 20)));
  some_turns();
  ASSERT_FALSE(outcome.has_value());
  stream->cancel(fail(Errc::cancelled, "drain"));
  finished();
  ASSERT_TRUE(outcome->has_error());
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
}

TEST_F(StreamTest, CancellingEndsADialThatNobodyAnswers) {
  // Once the queue of a listener is full the kernel drops what comes.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto size = kLoopback.to_native(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const SocketAddress full = *local_address(listener.get());
  spawn(worker, connect(this, full, nullptr));
  finished();
  ASSERT_TRUE(outcome->has_value());
  outcome.reset();
  Cancellation cancellation;
  spawn(worker, connect(this, full, &cancellation));
  some_turns();
  ASSERT_FALSE(outcome.has_value());
  cancellation.cancel(fail(Errc::cancelled, "drain"));
  finished();
  ASSERT_TRUE(outcome->has_error());
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
}

TEST_F(StreamTest, ACancelledDialDoesNotBegin) {
  Cancellation cancellation;
  cancellation.cancel(fail(Errc::cancelled, "drain"));
  spawn(worker, connect(this, kLoopback, &cancellation));
  finished();
  ASSERT_TRUE(outcome->has_error());
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
}

TEST(Cancellation, TellsWhoWaitsNowAndWhoWillWait) {
  std::vector<std::string> told;
  const auto tell = [&](const Error& error) { told.push_back(error.detail); };
  Cancellation cancellation;
  {
    const Cancellation::Scope over(&cancellation, tell);
  }
  EXPECT_EQ(cancellation.reason(), nullptr);
  {
    const Cancellation::Scope waiting(&cancellation, tell);
    cancellation.cancel(fail(Errc::cancelled, "first"));
    cancellation.cancel(fail(Errc::cancelled, "second"));
  }
  const Cancellation::Scope late(&cancellation, tell);
  EXPECT_EQ(told, (std::vector<std::string>{"first", "first"}));
  ASSERT_NE(cancellation.reason(), nullptr);
  const Cancellation::Scope nobody(nullptr, tell);
  EXPECT_EQ(told.size(), 2U);
}

}  // namespace
}  // namespace culvert::net
