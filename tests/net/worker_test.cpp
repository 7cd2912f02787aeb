#include "culvert/net/worker.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <functional>

#include "culvert/net/listener.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/net/stream.hpp"

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

const SocketAddress kLoopback{IpAddress::v4_loopback(), 0};

TEST(Worker, RunsWhatOtherThreadsPost) {
  Worker worker(0);
  worker.start();
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) worker.post([&] { sum.fetch_add(1); });
    });
  }
  for (auto& thread : threads) thread.join();
  std::atomic<bool> last{false};
  worker.post([&] { last = true; });
  while (!last) std::this_thread::yield();
  worker.stop();
  EXPECT_EQ(sum.load(), 4000);
}

TEST(Worker, RunsOneBurstATurn) {
  Worker worker(0);
  std::vector<int> order;
  worker.burst([&] {
    order.push_back(1);
    worker.post([&] { order.push_back(10); });
  });
  worker.burst([&] { order.push_back(2); });
  worker.run_until([&] { return order.size() == 3; });
  EXPECT_EQ(order, (std::vector<int>{1, 10, 2}));
}

// Asks for the next turn whenever it runs, as a bulk transfer does.
struct Eager final : TurnEnd {
  explicit Eager(Worker& w) : worker(w) {}
  void on_turn_end() override {
    ++runs;
    worker.at_turn_end(*this);
  }
  Worker& worker;
  int runs = 0;
};

TEST(Worker, EndsATurnOnceForWhoAlwaysWantsMore) {
  Worker worker(0);
  Eager eager(worker);
  worker.at_turn_end(eager);
  int turns = 0;
  worker.run_until([&] { return ++turns > 10; });
  EXPECT_EQ(eager.runs, 10);
}

TEST(Worker, RunsWhatHandlersAskForInTheSameTurn) {
  struct Item final : TurnEnd {
    explicit Item(std::function<void()> f) : action(std::move(f)) {}
    void on_turn_end() override { action(); }
    std::function<void()> action;
  };
  Worker worker(0);
  int turns = 0;
  int seen = 0;
  Item second([&] { seen = turns; });
  Item first([&] { worker.post([&] { worker.at_turn_end(second); }); });
  worker.at_turn_end(first);
  worker.run_until([&] { return seen != 0 || ++turns > 5; });
  EXPECT_EQ(seen, 1);
}

TEST(Worker, TellsTheTimeAfterItsSleepToWhoIsReady) {
  struct Note final : Watch {
    void on_ready(std::uint32_t) override { seen = worker->now(); }
    Worker* worker = nullptr;
    TimePoint seen;
  };
  Worker worker(0);
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  const UniqueFd near(pair[0]);
  const UniqueFd far(pair[1]);
  Note note;
  note.worker = &worker;
  ASSERT_TRUE(worker.readiness().add(near.get(), note).has_value());
  worker.run_until([&] { return note.seen != TimePoint(); });  // writable from the start
  note.seen = TimePoint();
  const TimePoint before = Clock::now();
  ASSERT_EQ(::send(far.get(), "x", 1, 0), 1);
  worker.run_until([&] { return note.seen != TimePoint(); });
  EXPECT_GE(note.seen, before);
  worker.readiness().remove(near.get(), note);
}

TEST(OneShot, ResumesInEitherOrder) {
  Worker worker(0);
  OneShot<int> early(worker);
  OneShot<int> late(worker);
  std::vector<int> seen;
  const auto reader = [](OneShot<int>* shot, std::vector<int>* out) -> Async<void> {
    const int value = co_await shot->wait();
    out->push_back(value);
  };
  EXPECT_TRUE(early.set(1));
  EXPECT_FALSE(early.set(2));
  spawn(worker, reader(&early, &seen));
  spawn(worker, reader(&late, &seen));
  worker.run_until([&] { return seen.size() == 1; });
  late.set(3);
  worker.run_until([&] { return seen.size() == 2; });
  EXPECT_EQ(seen, (std::vector<int>{1, 3}));
}

TEST(Stream, ConnectsWritesAndReads) {
  Worker worker(0);
  auto listening = listen_tcp({}, kLoopback, {}, {});
  ASSERT_TRUE(listening.has_value());
  const auto address = *local_address(listening->get());
  UniqueFd accepted;
  Listener listener(worker, std::move(*listening), "test",
                    [&](UniqueFd fd, const SocketAddress&) { accepted = std::move(fd); });
  ASSERT_TRUE(listener.start().has_value());

  bool done = false;
  std::string received;
  const auto client = [](Worker* w, SocketAddress to, std::string* out,
                         bool* finished) -> Async<void> {
    auto fd = co_await dial(*w, {}, to, std::nullopt, {}, w->now() + 5s);
    EXPECT_TRUE(fd.has_value());
    Stream stream(*w, std::move(*fd));
    stream.set_deadline(w->now() + 5s);
    auto written = co_await stream.write_all(as_bytes("ping"));
    EXPECT_TRUE(written.has_value());
    std::array<std::uint8_t, 16> buffer{};
    auto n = co_await stream.read_some(buffer);
    EXPECT_TRUE(n.has_value());
    out->assign(as_text(Bytes(buffer).first(*n)));
    *finished = true;
  };
  spawn(worker, client(&worker, address, &received, &done));
  worker.run_until([&] { return static_cast<bool>(accepted); });
  ASSERT_EQ(::send(accepted.get(), "pong", 4, 0), 4);
  worker.run_until([&] { return done; });
  EXPECT_EQ(received, "pong");
}

TEST(Stream, GivesUpAtItsDeadline) {
  Worker worker(0);
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
  const UniqueFd other(pair[1]);
  std::optional<Error> error;
  const auto reader = [](Worker* w, int fd, std::optional<Error>* out) -> Async<void> {
    Stream stream(*w, UniqueFd(fd));
    stream.set_deadline(w->now() + 20ms);
    std::array<std::uint8_t, 4> buffer{};
    auto n = co_await stream.read_some(buffer);
    *out = n.has_error() ? n.error() : Error(Errc::invalid, "read something");
  };
  spawn(worker, reader(&worker, pair[0], &error));
  worker.run_until([&] { return error.has_value(); });
  EXPECT_EQ(error->code, Errc::timed_out);
}

TEST(Dial, SaysWhoRefused) {
  Worker worker(0);
  auto listening = listen_tcp({}, kLoopback, {}, {});
  const auto address = *local_address(listening->get());
  listening->reset();
  std::optional<Error> error;
  const auto client = [](Worker* w, SocketAddress to, std::optional<Error>* out) -> Async<void> {
    auto fd = co_await dial(*w, {}, to, std::nullopt, {}, w->now() + 5s);
    *out = fd.has_error() ? fd.error() : Error(Errc::invalid, "connected");
  };
  spawn(worker, client(&worker, address, &error));
  worker.run_until([&] { return error.has_value(); });
  EXPECT_EQ(error->code, Errc::refused);
  EXPECT_NE(error->detail.find(address.to_string()), std::string::npos);
}

}  // namespace
}  // namespace culvert::net
