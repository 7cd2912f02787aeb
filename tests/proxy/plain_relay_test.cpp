#include "proxy/plain_relay.hpp"

#include <gtest/gtest.h>

#include "hbone/mesh_pair.hpp"

namespace culvert::proxy {
namespace {

using hbone::testing::AppPair;

class PlainRelayTest : public ::testing::Test, public PlainRelay::Owner {
 protected:
  PlainRelayTest() {
    relay_.start(std::move(left_.inside), std::move(right_.inside), {&received_, &sent_});
  }
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

  net::Worker worker_{0};
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

TEST_F(PlainRelayTest, IsCutWithAReason) {
  relay_.cut(fail(Errc::denied, "policy change"));
  run_until([&] { return ended_; });
  EXPECT_EQ(error_->detail, "policy change");
}

}  // namespace
}  // namespace culvert::proxy
