#include "app/options/defaults.hpp"

#include <gtest/gtest.h>

#include "app/options/environment.hpp"

namespace culvert::app {
namespace {

using namespace std::chrono_literals;

TEST(TerminationDeadline, IsALittleLessThanTheGracePeriod) {
  const std::pair<std::uint64_t, std::uint64_t> cases[] = {
      {0, 1}, {1, 1}, {2, 1}, {3, 2}, {10, 9}, {11, 6}, {30, 25}, {3600, 3595}};
  for (const auto& [grace, deadline] : cases) EXPECT_EQ(deadline_within(grace), deadline) << grace;
}

TEST(TerminationDeadline, TheExplicitOneWins) {
  EXPECT_EQ(test::parse({{"TERMINATION_GRACE_PERIOD_SECONDS", "0"}})->termination_deadline, 1s);
  EXPECT_EQ(test::parse({{"TERMINATION_GRACE_PERIOD_SECONDS", "60"},
                         {"CONNECTION_TERMINATION_DEADLINE", "2m"}})
                ->termination_deadline,
            120s);
}

struct Address {
  std::map<std::string, std::string> variables;
  const char* xds;
  const char* ca;
};
class Addresses : public testing::TestWithParam<Address> {};

TEST_P(Addresses, FollowTheRules) {
  const auto options = test::parse(GetParam().variables);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->xds_address, GetParam().xds);
  EXPECT_EQ(options->ca_address, GetParam().ca);
}

INSTANTIATE_TEST_SUITE_P(
    All, Addresses,
    testing::Values(Address{{{"KUBERNETES_SERVICE_HOST", ""}},
                            "https://istiod.istio-system.svc:15012",
                            "https://istiod.istio-system.svc:15012"},
                    Address{{{"PROXY_CONFIG", "discoveryAddress: istiod.x.svc:1"}},
                            "https://istiod.x.svc:1",
                            "https://localhost:15012"},
                    Address{{{"PROXY_CONFIG", "discoveryAddress: a:1"}, {"XDS_ADDRESS", "b:2"}},
                            "https://b:2",
                            "https://localhost:15012"},
                    Address{{{"XDS_ADDRESS", "http://localhost:2"}, {"CA_ADDRESS", "https://c:3"}},
                            "http://localhost:2",
                            "https://c:3"},
                    Address{{{"PROXY_CONFIG", "discoveryAddress: a:1"}, {"XDS_ADDRESS", ""}},
                            "",
                            "https://localhost:15012"}));

TEST(ClusterId, TheMetadataFormWins) {
  EXPECT_EQ(test::parse({{"CLUSTER_ID", "a"}})->cluster_id, "a");
  EXPECT_EQ(test::parse({{"CLUSTER_ID", "a"}, {"ISTIO_META_CLUSTER_ID", "b"}})->cluster_id, "b");
}

}  // namespace
}  // namespace culvert::app
