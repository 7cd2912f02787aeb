// Decisions over a config dump: the daemon's own, with what the dump says.
#include "cli/explanation.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace culvert::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json workload(const std::string& name, const std::string& ip, const char* protocol) {
  return {{"uid", "c//Pod/shop/" + name}, {"name", name},        {"namespace", "shop"},
          {"serviceAccount", name},       {"trustDomain", "td"}, {"workloadIps", {ip}},
          {"protocol", protocol},         {"status", "Healthy"}, {"clusterId", "c"},
          {"networkMode", "Standard"},    {"capacity", 1},       {"workloadType", "pod"}};
}

// As a daemon of node-a dumps it: a client, two servers behind a service, one outside of the mesh.
nlohmann::json dump() {
  auto server = workload("server", "10.1.0.6", "HBONE");
  server["authorizationPolicies"] = {"shop/no-8081"};
  server["services"] = {"shop/web.shop"};
  auto second = workload("second", "10.1.0.7", "HBONE");
  second["services"] = {"shop/web.shop"};
  const auto endpoint = [](const char* uid) -> nlohmann::json {
    return {{"workloadUid", uid}, {"port", {{"80", 8080}}}, {"status", "Healthy"}};
  };
  return {{"config", {{"localNode", "node-a"}, {"network", ""}, {"clusterId", "c"}}},
          {"workloads",
           {workload("client", "10.1.0.5", "HBONE"), server, second,
            workload("outside", "10.1.0.8", "TCP")}},
          {"services",
           {{{"name", "web"},
             {"namespace", "shop"},
             {"hostname", "web.shop"},
             {"vips", {"/10.9.0.1"}},
             {"ports", {{"80", 8080}}},
             {"endpoints",
              {{"c//Pod/shop/server", endpoint("c//Pod/shop/server")},
               {"c//Pod/shop/second", endpoint("c//Pod/shop/second")}}},
             {"subjectAltNames", nlohmann::json::array()},
             {"canonical", true},
             {"visibility", "Public"}}}},
          {"policies",
           {{{"name", "no-8081"},
             {"namespace", "shop"},
             {"scope", "WorkloadSelector"},
             {"action", "Deny"},
             {"dryRun", false},
             {"rules",
              {{{{{"destinationPorts", {8081}},
                  {"principals", {{{"Exact", "td/ns/shop/sa/client"}}}}}}}}}}}}};
}

std::string answer(const std::string& source, const std::string& destination) {
  const auto text = explain(dump(), source, SocketAddress::parse(destination).value());
  return text ? *text : "error: " + text.error().detail;
}

TEST(Explanation, FollowsAConnectionToAWorkload) {
  const auto text = answer("shop/client", "10.1.0.6:8080");
  EXPECT_THAT(text, HasSubstr("outbound: HBONE to 10.1.0.6:15008 for 10.1.0.6:8080"));
  EXPECT_THAT(text, HasSubstr("expects spiffe://td/ns/shop/sa/server"));
  EXPECT_THAT(text, HasSubstr("inbound: allowed, as spiffe://td/ns/shop/sa/client: no allow"));
  EXPECT_EQ(answer("10.1.0.5", "10.1.0.6:8080"), text);
}

TEST(Explanation, NamesThePolicyThatRefuses) {
  EXPECT_THAT(answer("shop/client", "10.1.0.6:8081"),
              HasSubstr("inbound: refused, as spiffe://td/ns/shop/sa/client: explicitly denied by: "
                        "shop/no-8081"));
  EXPECT_THAT(answer("shop/second", "10.1.0.6:8081"), HasSubstr("inbound: allowed"));
}

TEST(Explanation, ChoosesAmongTheEndpointsOfAService) {
  EXPECT_THAT(answer("shop/client", "10.9.0.1:80"),
              AllOf(HasSubstr("outbound: HBONE to 10.1.0."), HasSubstr("service shop/web.shop"),
                    HasSubstr("one of 2 endpoints")));
  EXPECT_THAT(answer("shop/client", "10.9.0.1:81"), HasSubstr("refused: no healthy upstream"));
}

TEST(Explanation, CountsTheEndpointsThatCanBeChosen) {
  auto one_is_ill = dump();
  one_is_ill["workloads"][1]["status"] = "Unhealthy";
  one_is_ill["services"][0]["endpoints"]["c//Pod/shop/server"]["status"] = "Unhealthy";
  const auto text = explain(one_is_ill, "shop/client", *SocketAddress::parse("10.9.0.1:80"));
  ASSERT_TRUE(text.has_value()) << text.error().detail;
  EXPECT_THAT(*text, AllOf(HasSubstr("HBONE to 10.1.0.7:15008"), Not(HasSubstr("one of"))));
}

TEST(Explanation, TellsPlainDestinationsFromUnknownOnes) {
  EXPECT_THAT(answer("shop/client", "10.1.0.8:80"),
              AllOf(HasSubstr("outbound: plain TCP to 10.1.0.8:80"),
                    HasSubstr("inbound: allowed, without an identity, if it is enrolled")));
  EXPECT_THAT(answer("shop/client", "192.0.2.1:80"),
              AllOf(HasSubstr("the mesh knows neither"), Not(HasSubstr("inbound"))));
}

TEST(Explanation, SaysWhatItCannotUse) {
  EXPECT_THAT(answer("shop/nobody", "10.1.0.6:80"),
              HasSubstr("error: the daemon knows no workload"));
  auto twice = dump();
  twice["workloads"].push_back(workload("client", "10.1.0.9", "TCP"));
  twice["workloads"].back()["uid"] = "other";
  EXPECT_THAT(explain(twice, "shop/client", *SocketAddress::parse("10.1.0.6:80")).error().detail,
              HasSubstr("more than one"));
  for (const auto* bad : {"[]", "{}", R"({"workloads": 1, "services": [], "policies": []})",
                          R"({"workloads": [7], "services": [], "policies": []})"})
    EXPECT_FALSE(explain(nlohmann::json::parse(bad), "a/b", *SocketAddress::parse("10.0.0.1:1")))
        << bad;
}

}  // namespace
}  // namespace culvert::cli
