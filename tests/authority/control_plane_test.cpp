// The control plane from its start to its end: what keeps it from starting, what a restart keeps.
#include "culvert/authority/control_plane.hpp"

#include "authority/client_stream.hpp"
#include "authority/control_plane_fixture.hpp"
#include "authority/snapshot.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace culvert::authority::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ControlPlaneTest, SaysWhyItDoesNotStart) {
  struct Case {
    const char* what;
    std::function<void(Options&)> spoil;
    Errc code;
    const char* text;
  };
  const Case cases[] = {
      {"no file", [](Options& o) { o.config = o.state_dir.parent_path() / "none.yaml"; },
       Errc::not_found, "none.yaml"},
      {"bad file", [this](Options& o) { o.config = temp_.write("bad.yaml", "workloads: 7\n"); },
       Errc::invalid, "bad.yaml:1"},
      {"no address", [](Options& o) { o.listen.clear(); }, Errc::invalid, "listen"},
      {"trust domain", [](Options& o) { o.trust_domain = "a/b"; }, Errc::invalid, "a/b"},
      {"ttl", [](Options& o) { o.max_ttl = 0s; }, Errc::invalid, "life"},
      {"name", [](Options& o) { o.dns_names = {"two words"}; }, Errc::invalid, "two words"},
      {"tokens", [this](Options& o) { o.token_file = temp_.write_secret("empty", ""); },
       Errc::invalid, "holds no token"},
      {"open tokens", [this](Options& o) { o.token_file = temp_.write_open("open", kTokens); },
       Errc::invalid, "open to others than its owner: chmod 600"},
      {"foreign address", [](Options& o) { o.listen = {{IpAddress::v4(198, 19, 255, 1), 0}}; },
       Errc::io, "198.19.255.1"},
  };
  for (const auto& c : cases) {
    auto options = options_;
    c.spoil(options);
    const auto started = ControlPlane::start(options);
    ASSERT_FALSE(started) << c.what;
    EXPECT_EQ(started.error().code, c.code) << c.what;
    EXPECT_THAT(started.error().detail, HasSubstr(c.text)) << c.what;
  }
}

TEST_F(ControlPlaneTest, RefusesATakenAddressAndStateDirectory) {
  start();
  auto second = options_;
  EXPECT_EQ(ControlPlane::start(second).error().code, Errc::limit);
  second.state_dir = temp_.path() / "other";
  second.listen = plane_->addresses();
  EXPECT_EQ(ControlPlane::start(second).error().code, Errc::io);
}

TEST_F(ControlPlaneTest, VersionsSurviveARestart) {
  start();
  std::map<std::string, std::string> versions{{"c1//Pod/shop/gone", "x"}};
  {
    Stream stream(channel_, "all-powers");
    stream.subscribe(kAddressType);
    const auto response = stream.read();
    for (const auto& resource : response.resources())
      versions[resource.name()] = resource.version();
  }
  const auto root = *read_file(plane_->root_certificate());
  plane_.reset();
  start();
  EXPECT_EQ(*read_file(plane_->root_certificate()), root);
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType, versions);
  const auto response = stream.read();
  EXPECT_THAT(names(response), IsEmpty());
  EXPECT_THAT(response.removed_resources(), ElementsAre("c1//Pod/shop/gone"));
}

TEST_F(ControlPlaneTest, StopEndsStreams) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.read();
  plane_->stop();
  plane_->stop();
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace culvert::authority::test
