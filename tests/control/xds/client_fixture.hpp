// What the tests of the xDS client share: a client, the server it talks to, and what came of it.
#pragma once

#include "control/server/loopback_server.hpp"
#include "control/xds/fake_ads.hpp"
#include "control/xds/server_responses.hpp"
#include "culvert/control/xds.hpp"

#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::control::test {

inline constexpr const char* kAddress = "type.googleapis.com/istio.workload.Address";
inline constexpr const char* kAuthorization = "type.googleapis.com/istio.security.Authorization";

inline Response addresses(const std::string& nonce, const std::vector<std::string>& uids,
                          const std::string& version = "v1",
                          const std::string& ip = "\x01\x02\x03\x04") {
  auto out = response_of(kAddress, nonce);
  for (const auto& uid : uids) add_workload(out, uid, version, ip);
  return out;
}
inline Response no_policies(const std::string& nonce) { return response_of(kAuthorization, nonce); }

class XdsClientTest : public ::testing::Test {
 protected:
  ~XdsClientTest() override {
    client_.reset();
    testing::run_until(io_, [&] { return ads_.idle(); });
  }
  void start(ServerOptions server) {
    XdsOptions options;
    options.server = std::move(server);
    options.node.node_name = "node-1";
    XdsEvents events;
    events.apply = [this](state::Update update) { updates_.push_back(std::move(update)); };
    events.ready = [this] { ++ready_; };
    events.terminated = [this](XdsTermination reason) { ends_.push_back(reason); };
    events.received = [this](std::string_view, std::uint64_t bytes, std::uint64_t rejected) {
      bytes_ += bytes;
      rejected_ += rejected;
    };
    auto made = XdsClient::make(io_, std::move(options), std::move(events));
    ASSERT_TRUE(made.has_value());
    client_ = std::move(*made);
    client_->start();
  }
  void start(const std::string& address) {
    ServerOptions server;
    server.address = address;
    start(std::move(server));
  }
  Request next() {
    std::optional<Request> request;
    testing::run_until(io_, [&] { return (request = ads_.take()).has_value(); });
    return request.value_or(Request());
  }
  // Reads the opening of a stream; the address part.
  Request opening() {
    auto first = next();
    EXPECT_EQ(first.type_url(), kAddress);
    EXPECT_EQ(next().type_url(), kAuthorization);
    return first;
  }

  boost::asio::io_context io_;
  FakeAds ads_;
  std::unique_ptr<XdsClient> client_;
  std::vector<state::Update> updates_;
  std::vector<XdsTermination> ends_;
  int ready_ = 0;
  std::uint64_t bytes_ = 0, rejected_ = 0;
};

}  // namespace culvert::control::test
