// A ZDS server of the agent's with a socket of its own, for scripted daemons.
#pragma once

#include "culvert/host/zds_server.hpp"

#include "host/fake_daemon.hpp"
#include "host/temporary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <future>

namespace culvert::host::testing {

using namespace std::chrono_literals;

class ZdsServerTest : public ::testing::Test {
 protected:
  ZdsServerTest() {
    options_.path = directory_ / "run/zds.sock";
    options_.accept_interval = 1ms;
    options_.retry_first = 1ms;
    options_.retry_limit = 4ms;
  }
  void start(const std::vector<std::string>& uids = {}) {
    std::vector<RestoredPod> pods;
    for (const auto& uid : uids) pods.push_back({pod(uid), netns()});
    auto started = ZdsServer::start(options_, std::move(pods));
    ASSERT_TRUE(started) << started.error().detail;
    server_ = std::move(*started);
  }
  // Any file will do: the server passes on what it is given.
  static UniqueFd netns() { return UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)); }
  static PodInfo pod(const std::string& uid) { return {uid, "web-0", "shop", "web"}; }
  std::future<Result<void>> add(const std::string& uid) {
    return std::async(std::launch::async, [this, uid] { return server_->add(pod(uid), netns()); });
  }
  std::future<Result<void>> del(const std::string& uid) {
    return std::async(std::launch::async, [this, uid] { return server_->del(uid); });
  }

  TemporaryDirectory directory_;
  ZdsServerOptions options_;
  std::unique_ptr<ZdsServer> server_;
};

}  // namespace culvert::host::testing
