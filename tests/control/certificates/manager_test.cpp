#include "culvert/control/certificates.hpp"

#include "support/test_ca.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <thread>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace asio = boost::asio;
using CertificatePtr = std::shared_ptr<const tls::Certificate>;

const Identity kCart{Name("cluster.local"), Name("shop"), Name("cart")};
const Identity kPay{Name("cluster.local"), Name("shop"), Name("pay")};

// Keeps requests until the test answers them.
class FakeSigner : public CertificateSigner {
 public:
  struct Asked {
    Identity identity;
    std::string csr;
    Done done;
  };
  void sign(const Identity& identity, std::string csr, Done done) override {
    asked.push_back({identity, std::move(csr), std::move(done)});
  }
  Asked take() {
    auto first = std::move(asked.front());
    asked.pop_front();
    return first;
  }
  std::deque<Asked> asked;
};

class CertificateManagerTest : public ::testing::Test {
 protected:
  void poll() {
    io_.restart();
    io_.poll();
  }
  // A fetch whose answer lands in the returned slot.
  std::shared_ptr<std::optional<Result<CertificatePtr>>> fetch(const Identity& identity) {
    auto slot = std::make_shared<std::optional<Result<CertificatePtr>>>();
    manager_->fetch(identity, tls::Priority::realtime,
                    [slot](Result<CertificatePtr> result) { slot->emplace(std::move(result)); });
    poll();
    return slot;
  }
  void grant(const Identity& signed_as) {
    auto request = signer_.take();
    request.done(ca_.sign_csr(request.csr, signed_as));
  }

  asio::io_context io_;
  FakeSigner signer_;
  testing::TestCa ca_;
  std::optional<CertificateManager> manager_{std::in_place, io_, signer_};
};

TEST_F(CertificateManagerTest, OneRequestServesAllWaiters) {
  const auto first = fetch(kCart);
  const auto second = fetch(kCart);
  ASSERT_EQ(signer_.asked.size(), 1U);
  EXPECT_EQ(manager_->cached(kCart), nullptr);
  EXPECT_EQ(manager_->list().at(0).state, "Initializing");
  grant(kCart);
  ASSERT_TRUE(first->has_value() && second->has_value());
  ASSERT_TRUE((*first)->has_value());
  EXPECT_EQ(***first, ***second);
  EXPECT_EQ(manager_->cached(kCart), ***first);
  EXPECT_EQ(manager_->list().at(0).state, "Available");
}

TEST_F(CertificateManagerTest, HeldOnesAreAnsweredBeforeFetchReturns) {
  fetch(kCart);
  grant(kCart);
  bool called = false;
  manager_->fetch(kCart, tls::Priority::realtime, [&](const auto&) { called = true; });
  EXPECT_TRUE(called);
}

TEST_F(CertificateManagerTest, ACertificateForSomebodyElseIsRejected) {
  const auto slot = fetch(kCart);
  grant(kPay);
  ASSERT_TRUE(slot->has_value());
  ASSERT_TRUE((*slot)->has_error());
  EXPECT_EQ((*slot)->error().code, Errc::identity);
  EXPECT_EQ(manager_->cached(kCart), nullptr);
  EXPECT_THAT(manager_->list().at(0).state, HasSubstr("Unavailable: "));
}

TEST_F(CertificateManagerTest, FailuresReachWaitersAndLaterCallers) {
  const auto slot = fetch(kCart);
  signer_.take().done(fail(Errc::refused, "not on this node"));
  ASSERT_TRUE(slot->has_value());
  EXPECT_THAT((*slot)->error().detail, HasSubstr("not on this node"));
  const auto later = fetch(kCart);
  ASSERT_TRUE(later->has_value());
  EXPECT_EQ((*later)->error().code, Errc::identity);
  EXPECT_TRUE(signer_.asked.empty());
}

TEST_F(CertificateManagerTest, PrefetchedBeforeTraffic) {
  manager_->prefetch(kCart);
  ASSERT_EQ(signer_.asked.size(), 1U);
  grant(kCart);
  EXPECT_NE(manager_->cached(kCart), nullptr);
}

TEST_F(CertificateManagerTest, ForgetReleasesWaiters) {
  const auto slot = fetch(kCart);
  manager_->forget(kCart);
  ASSERT_TRUE(slot->has_value());
  EXPECT_THAT((*slot)->error().detail, HasSubstr("no longer needed"));
  EXPECT_TRUE(manager_->list().empty());
  grant(kCart);
  EXPECT_EQ(manager_->cached(kCart), nullptr) << "the late answer is not kept";
}

TEST_F(CertificateManagerTest, ForgottenOnesLingerThenGo) {
  manager_.emplace(io_, signer_, CertificateManagerOptions{8, 20ms});
  fetch(kCart);
  grant(kCart);
  manager_->forget(kCart);
  EXPECT_NE(manager_->cached(kCart), nullptr);
  const auto limit = Clock::now() + 5s;
  while (manager_->cached(kCart) != nullptr && Clock::now() < limit) {
    io_.restart();
    io_.run_one_for(50ms);
  }
  EXPECT_EQ(manager_->cached(kCart), nullptr);
}

TEST_F(CertificateManagerTest, WaitersAreToldWhenItStops) {
  const auto slot = fetch(kCart);
  manager_.reset();
  ASSERT_TRUE(slot->has_value());
  EXPECT_EQ((*slot)->error().code, Errc::cancelled);
  grant(kCart);  // late: ignored
}

TEST_F(CertificateManagerTest, ServesOtherThreads) {
  fetch(kCart);
  grant(kCart);
  std::vector<std::thread> threads;
  std::atomic<int> answers = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j) {
        manager_->fetch(j % 2 == 0 ? kCart : kPay, tls::Priority::realtime,
                        [&](const auto&) { ++answers; });
        manager_->list();
      }
    });
  while (answers < 400) {
    poll();
    while (!signer_.asked.empty()) grant(signer_.asked.front().identity);
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answers, 400);
}

}  // namespace
}  // namespace culvert::control
