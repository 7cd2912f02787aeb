// Streams opened, responses taken apart and answered: the stream without a stream.
#include "control/xds/subscriptions.hpp"

#include "control/xds/subscription_steps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::control::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(XdsSubscriptions, OpensWithNodeAndBothTypes) {
  const auto requests = make_subscriptions().initial();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].type_url(), kAddressType);
  EXPECT_EQ(requests[1].type_url(), kAuthorizationType);
  for (const auto& request : requests) {
    EXPECT_EQ(request.node().id(), "ztunnel~198.18.0.7~proxy-1.mesh~mesh.svc.cluster.local");
    const auto& fields = request.node().metadata().fields();
    EXPECT_EQ(fields.at("NAME").string_value(), "proxy-1");
    EXPECT_EQ(fields.at("NAMESPACE").string_value(), "mesh");
    EXPECT_EQ(fields.at("INSTANCE_IPS").string_value(), "198.18.0.7");
    EXPECT_EQ(fields.at("NODE_NAME").string_value(), "node-1");
    EXPECT_EQ(fields.at("CLUSTER_ID").string_value(), "c1");
    EXPECT_EQ(fields.at("LABELS").struct_value().fields().at("a").string_value(), "b");
    EXPECT_EQ(request.resource_names_subscribe_size(), 0);
    EXPECT_EQ(request.initial_resource_versions_size(), 0);
    EXPECT_EQ(request.response_nonce(), "");
  }
}

TEST(XdsSubscriptions, RefusesMetadataThatIsNoJson) {
  XdsNode node;
  node.json_metadata = {{"X", "{"}};
  EXPECT_THAT(XdsSubscriptions::make(node).error().detail, HasSubstr("ISTIO_METAJSON_X"));
}

TEST(XdsSubscriptions, AcknowledgesByNonce) {
  auto subscriptions = make_subscriptions();
  auto response = response_of(kAddressType, "n1");
  add_workload(response, "a", "v1");
  const auto answer = subscriptions.answer(decode_response(response));
  EXPECT_EQ(answer.type_url(), kAddressType);
  EXPECT_EQ(answer.response_nonce(), "n1");
  EXPECT_FALSE(answer.has_error_detail());
  EXPECT_FALSE(answer.has_node());
  EXPECT_FALSE(subscriptions.ready());
  auto policies = response_of(kAuthorizationType, "n2");
  subscriptions.answer(decode_response(policies));
  EXPECT_TRUE(subscriptions.ready());
}

TEST(XdsSubscriptions, ABadResourceOnlyCostsItself) {
  auto subscriptions = make_subscriptions();
  auto response = response_of(kAddressType, "n1");
  add_workload(response, "good", "v1");
  add_workload(response, "bad", "v1", "xyz");
  response.add_resources()->set_name("empty");
  auto* foreign = response.add_resources();
  foreign->set_name("foreign");
  foreign->mutable_resource()->set_type_url("type.googleapis.com/other");
  auto* junk = response.add_resources();
  junk->set_name("junk");
  junk->mutable_resource()->set_type_url(std::string(kAddressType));
  junk->mutable_resource()->set_value("\xff\xff");
  const auto decoded = decode_response(response);
  EXPECT_EQ(decoded.update.workloads.size(), 1U);
  const auto answer = subscriptions.answer(decoded);
  EXPECT_EQ(answer.response_nonce(), "n1");
  EXPECT_EQ(answer.error_detail().code(), 3);
  for (const char* name : {"bad: addresses", "empty: ", "foreign: ", "junk: "})
    EXPECT_THAT(answer.error_detail().message(), HasSubstr(name));
  EXPECT_THAT(subscriptions.initial()[0].initial_resource_versions(),
              UnorderedElementsAre(Pair("good", "v1")));
  take(subscriptions, response_of(kAuthorizationType, "n2"));
  EXPECT_FALSE(subscriptions.ready()) << "of the addresses, some are missing";
}

TEST(XdsSubscriptions, AnUnknownTypeIsAcknowledgedAndChangesNothing) {
  auto subscriptions = make_subscriptions();
  auto response = response_of("type.googleapis.com/other", "n1");
  response.add_removed_resources("a");
  const auto decoded = decode_response(response);
  EXPECT_TRUE(decoded.update.empty());
  const auto answer = subscriptions.answer(decoded);
  EXPECT_EQ(answer.type_url(), "type.googleapis.com/other");
  EXPECT_EQ(answer.response_nonce(), "n1");
  EXPECT_FALSE(answer.has_error_detail());
}

TEST(XdsSubscriptions, ANackStaysSmall) {
  auto subscriptions = make_subscriptions();
  auto response = response_of(kAddressType, "n1");
  for (int i = 0; i < 1000; ++i) add_workload(response, "w" + std::to_string(i), "v", "xyz");
  const auto answer = subscriptions.answer(decode_response(response));
  EXPECT_LT(answer.error_detail().message().size(), 4096U);
  EXPECT_THAT(answer.error_detail().message(), HasSubstr("and 980 more"));
}

TEST(XdsResponse, CountsPayloadAndSortsRemovals) {
  auto response = response_of(kAuthorizationType, "n");
  response.add_removed_resources("ns/p");
  auto decoded = decode_response(response);
  EXPECT_THAT(decoded.update.removed_policies, ElementsAre("ns/p"));
  EXPECT_THAT(decoded.update.removed_addresses, IsEmpty());
  auto addresses = response_of(kAddressType, "n");
  add_workload(addresses, "a", "v");
  const auto size = addresses.resources(0).resource().value().size();
  EXPECT_EQ(decode_response(addresses).payload_bytes, size);
}

}  // namespace
}  // namespace culvert::control::test
