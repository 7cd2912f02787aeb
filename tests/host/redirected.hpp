// What tests of the rules start from: a peer and a pod, joined, and the redirection in the pod;
// each test runs in both families.
#pragma once

#include "culvert/host/redirection.hpp"
#include "host/sandbox.hpp"

#include <optional>
#include <string>

namespace culvert::host::testing {

constexpr int kMark = 0x539;  // of the daemon's own packets

// Addresses as text, those of version 6 in brackets.
struct Family {
  const char* name;
  std::string peer;
  std::string other;  // nobody's, on the same link
  std::string pod;
  std::string loopback;
  std::string any;
};

inline const Family kBothFamilies[] = {
    {"v4", "198.18.7.1", "198.18.7.9", "198.18.7.2", "127.0.0.1", "0.0.0.0"},
    {"v6", "[2001:2:0:7::1]", "[2001:2:0:7::9]", "[2001:2:0:7::2]", "[::1]", "[::]"}};

// For INSTANTIATE_TEST_SUITE_P.
inline std::string name_of(const ::testing::TestParamInfo<Family>& test) { return test.param.name; }

class Redirected : public RootTest<::testing::TestWithParam<Family>> {
 protected:
  explicit Redirected(RedirectOptions options) : options_(options) {}
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped()) return;
    peer_.emplace();
    pod_.emplace();
    join(*peer_, *pod_);
    ASSERT_TRUE(install_redirection(pod_->fd(), options_));
    listen();
  }
  // Opens what the test's daemon listens on, before a test begins.
  virtual void listen() = 0;
  static SocketAddress at(const std::string& ip, int port) {
    return addr(ip + ":" + std::to_string(port));
  }

  const RedirectOptions options_;
  std::optional<Sandbox> peer_;
  std::optional<Sandbox> pod_;
};

}  // namespace culvert::host::testing
