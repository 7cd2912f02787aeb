#include "proxy/plain_relay.hpp"

#include <gtest/gtest.h>

#include "hbone/mesh_pair.hpp"

namespace culvert::proxy {
namespace {

using hbone::testing::AppPair;

class PlainRelayTest : public ::testing::Test, public PlainRelay::Owner {
 protected:
  PlainRelayTest() : PlainRelayTest(AppPair(), AppPair()) {}
  PlainRelayTest(AppPair left, AppPair right) : left_(std::move(left)), right_(std::move(right)) {
    relay_.start(std::move(left_.inside), std::move(right_.inside), {&received_, &sent_});
  }
  const void* pod() const override { return this; }
  void on_relay_end(const Error* error) override {
    ended_ = true;
    if (error != nullptr) error_ = *error;
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + std::chrono::seconds(15);
    worker_.run_until([&] {
      if (Clock::now() < deadline) return done();
      ADD_FAILURE() << "nothing happens any more";
      return true;
    });
  }
  std::string pump(const UniqueFd& from, const UniqueFd& to, const std::string& data) {
    std::string out;
    std::size_t sent = 0;
    run_until([&] {
      const auto n = ::send(from.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      out += hbone::testing::read_all(to);
      return out.size() >= data.size();
    });
    return out;
  }

  net::Worker worker_{0, 1 << 20};
  AppPair left_;
  AppPair right_;
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> sent_{0};
  bool ended_ = false;
  std::optional<Error> error_;
  PlainRelay relay_{worker_, *this};
};

TEST_F(PlainRelayTest, CarriesBytesBothWaysAndCountsThem) {
  const std::string data(3 << 20, 'a');
  EXPECT_TRUE(pump(left_.app, right_.app, data) == data);
  EXPECT_EQ(pump(right_.app, left_.app, "answer"), "answer");
  EXPECT_EQ(received_.load(), data.size());
  EXPECT_EQ(sent_.load(), 6U);
}

TEST_F(PlainRelayTest, HalfCloses) {
  ASSERT_EQ(::shutdown(left_.app.get(), SHUT_WR), 0);
  run_until([&] { return hbone::testing::at_eof(right_.app); });
  EXPECT_EQ(pump(right_.app, left_.app, "still here"), "still here");
  ASSERT_EQ(::shutdown(right_.app.get(), SHUT_WR), 0);
  run_until([&] { return ended_; });
  EXPECT_FALSE(error_.has_value());
}

TEST_F(PlainRelayTest, EndsWhenASideIsGone) {
  right_.app.reset();
  run_until([&] {
    ::send(left_.app.get(), "x", 1, MSG_NOSIGNAL);
    return ended_;
  });
  EXPECT_FALSE(error_.has_value());
}

// What only TCP tells: how the other side went.
class PlainRelayTcpTest : public PlainRelayTest {
 protected:
  PlainRelayTcpTest() : PlainRelayTest(tcp_pair(), tcp_pair()) {}

  static AppPair tcp_pair() {
    auto listening = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
    const auto address = *net::local_address(listening->get());
    AppPair pair;
    pair.app = *net::dial_socket({}, address, std::nullopt, {});
    EXPECT_TRUE(net::start_connect(pair.app.get(), address).has_value());
    pair.inside.reset(::accept4(listening->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    EXPECT_TRUE(pair.inside);
    return pair;
  }
  static void send(const UniqueFd& to, std::string_view text) {
    EXPECT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  // Until `from` cannot send more.
  void fill(const UniqueFd& from) {
    const std::string block(1 << 16, 'z');
    int refused = 0;
    run_until([&] {
      const auto n = ::send(from.get(), block.data(), block.size(), MSG_NOSIGNAL);
      refused = n < 0 ? refused + 1 : 0;
      return refused > 50;
    });
  }
  static void reset(UniqueFd& side) {
    net::reset_on_close(side.get());
    side.reset();
  }
  // How a connection ends of which everything is read: 0 for FIN, else errno.
  static int ending(const UniqueFd& side) {
    char c = 0;
    const auto n = ::recv(side.get(), &c, 1, 0);
    EXPECT_LE(n, 0);
    return n == 0 ? 0 : errno;
  }
};

// The client's bytes are passed on first, so that it is the write that finds the reset.
TEST_F(PlainRelayTcpTest, AResetStaysOneWhenWritingFindsIt) {
  reset(right_.app);
  send(left_.app, "question");
  run_until([&] { return ended_; });
  EXPECT_EQ(ending(left_.app), ECONNRESET);
}

TEST_F(PlainRelayTcpTest, WhatWasSaidBeforeAResetComesFirst) {
  send(right_.app, "half an answer");
  reset(right_.app);
  send(left_.app, "question");
  run_until([&] { return ended_; });
  EXPECT_EQ(hbone::testing::read_all(left_.app), "half an answer");
}

TEST_F(PlainRelayTcpTest, AResetBehindAWholeAnswerSpoilsNothing) {
  send(left_.app, "question that nobody reads");
  run_until([&] { return received_.load() != 0; });
  send(right_.app, "answer");
  ASSERT_EQ(::shutdown(right_.app.get(), SHUT_WR), 0);
  right_.app.reset();  // RST, because of the question
  send(left_.app, "more");
  run_until([&] { return ended_; });
  EXPECT_EQ(hbone::testing::read_all(left_.app), "answer");
  EXPECT_EQ(ending(left_.app), 0);
}

// Both wait for the other one to read when one of them dies; the other one writes before it reads
// on.
class BothStuck : public PlainRelayTcpTest, public ::testing::WithParamInterface<bool> {};

TEST_P(BothStuck, HearOfTheOthersDeath) {
  fill(left_.app);
  fill(right_.app);
  UniqueFd& dead = GetParam() ? left_.app : right_.app;
  const UniqueFd& alive = GetParam() ? right_.app : left_.app;
  reset(dead);
  const std::string block(1 << 16, 'y');
  std::size_t more = 4 << 20;
  run_until([&] {
    if (more == 0) {
      hbone::testing::read_all(alive);
      return ended_;
    }
    const auto n = ::send(alive.get(), block.data(), block.size(), MSG_NOSIGNAL);
    if (n > 0) more -= static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN) more = 0;  // it has heard
    return ended_;
  });
  EXPECT_EQ(worker_.backlogs().held(), 0U);
}
INSTANTIATE_TEST_SUITE_P(Side, BothStuck, ::testing::Bool());

// As BothStuck, but the other one waits only because of what comes after the death.
TEST_F(PlainRelayTcpTest, AnAnswerThatTheClientDoesNotTakeBeforeItWritesOn) {
  fill(left_.app);
  const std::string answer(64 << 10, 'a');
  std::size_t said = 0;  // as much as fits between
  run_until([&] {
    const auto n = ::send(right_.app.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (n > 0) said += static_cast<std::size_t>(n);
    return n < 0 && said > 0;
  });
  reset(right_.app);
  const std::string block(1 << 16, 'y');
  std::size_t more = 4 << 20;
  run_until([&] {
    if (more == 0) {
      hbone::testing::read_all(left_.app);
      return ended_;
    }
    const auto n = ::send(left_.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
    if (n > 0) more -= std::min(more, static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN) more = 0;
    return ended_;
  });
}

// Urgent data makes reads short before the socket is empty (RFC 6093 section 3.2, FTP's ABOR).
TEST_F(PlainRelayTcpTest, WhatFollowsUrgentDataIsNotHeldBack) {
  send(left_.app, "before");
  EXPECT_EQ(::send(left_.app.get(), "!", 1, MSG_OOB), 1);
  send(left_.app, "behind");
  std::string got;
  run_until([&] {
    got += hbone::testing::read_all(right_.app);
    return got.size() >= 13;
  });
  EXPECT_EQ(got, "before!behind");
}

TEST_F(PlainRelayTest, IsCutWithAReason) {
  relay_.cut(fail(Errc::denied, "policy change"));
  run_until([&] { return ended_; });
  EXPECT_EQ(error_->detail, "policy change");
}

class StalledPlainRelay : public PlainRelayTest {
 protected:
  // Nobody reads on the right: the relay keeps what its buffer held.
  void SetUp() override {
    const std::string block(1 << 16, 'z');
    int refused = 0;
    run_until([&] {
      const auto n = ::send(left_.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
      refused = n < 0 ? refused + 1 : 0;
      return refused > 50;
    });
    ASSERT_GT(worker_.backlogs().held(), 0U);
  }
};

TEST_F(StalledPlainRelay, GivesTheMemoryBackWhenItIsRead) {
  run_until([&] {
    hbone::testing::read_all(right_.app);
    return worker_.backlogs().held() == 0;
  });
  EXPECT_FALSE(ended_);
}

TEST_F(StalledPlainRelay, GivesTheMemoryBackWhenASideIsGone) {
  right_.app.reset();
  run_until([&] { return ended_; });
  EXPECT_EQ(worker_.backlogs().held(), 0U);
}

// The same pod's other connections fill the budget; what has to go is this relay's own other
// direction.
TEST_F(StalledPlainRelay, MayBeWhatHasToGoItself) {
  struct Sibling final : net::Backlog::Holder {
    explicit Sibling(const void* own) : own_pod(own) {}
    const void* pod() const override { return own_pod; }
    void on_evicted(const Error&) override { ADD_FAILURE() << "a smaller backlog paid"; }
    const void* own_pod;
  };
  Sibling sibling(pod());
  std::vector<std::unique_ptr<net::Backlog>> backlogs;
  while (worker_.backlogs().held() + 8192 < (1U << 20)) {
    backlogs.push_back(std::make_unique<net::Backlog>(worker_.backlogs(), sibling));
    ASSERT_TRUE(backlogs.back()->append(std::vector<std::uint8_t>(4096)).has_value());
  }
  const std::string block(1 << 16, 'z');
  run_until([&] {
    ::send(right_.app.get(), block.data(), block.size(), MSG_NOSIGNAL);
    return ended_;
  });
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(error_->code, Errc::limit);
  backlogs.clear();
  EXPECT_EQ(worker_.backlogs().held(), 0U);
}

// Another pod's connection, which holds less.
struct Other final : net::Backlog::Holder {
  const void* pod() const override { return this; }
  void on_evicted(const Error&) override { ADD_FAILURE() << "the other pod paid"; }
};

TEST_F(StalledPlainRelay, EndsWhenOthersNeedTheMemory) {
  std::vector<Other> others(64);
  std::vector<std::unique_ptr<net::Backlog>> backlogs;
  const std::size_t size = worker_.backlogs().held() / 2;
  for (std::size_t i = 0; i < others.size() && !ended_; ++i) {
    backlogs.push_back(std::make_unique<net::Backlog>(worker_.backlogs(), others[i]));
    EXPECT_TRUE(backlogs.back()->append(std::vector<std::uint8_t>(size)).has_value());
    run_until([n = 0]() mutable { return ++n > 3; });
  }
  ASSERT_TRUE(ended_) << "what plain relays hold is not counted";
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(error_->code, Errc::limit);
}

}  // namespace
}  // namespace culvert::proxy
