// Responses taken apart, versions kept, answers built, pauses chosen: the stream without a stream.
#include "control/xds/subscriptions.hpp"

#include "control/xds/reconnect.hpp"

#include "proto/authorization.pb.h"
#include "proto/workload.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
namespace discovery = envoy::service::discovery::v3;
using Response = discovery::DeltaDiscoveryResponse;

Response response_of(std::string_view type, const std::string& nonce) {
  Response out;
  out.set_type_url(std::string(type));
  out.set_nonce(nonce);
  return out;
}

void add_workload(Response& response, const std::string& uid, const std::string& version,
                  const std::string& address = "\x01\x02\x03\x04") {
  istio::workload::Address message;
  message.mutable_workload()->set_uid(uid);
  message.mutable_workload()->add_addresses(address);
  auto* resource = response.add_resources();
  resource->set_name(uid);
  resource->set_version(version);
  resource->mutable_resource()->set_type_url(std::string(kAddressType));
  resource->mutable_resource()->set_value(message.SerializeAsString());
}

// An ALLOW policy for one port; one above 65535 cannot be read.
void add_policy(Response& response, const std::string& name, const std::string& version,
                std::uint32_t port = 80,
                istio::security::Scope scope = istio::security::NAMESPACE) {
  istio::security::Authorization policy;
  policy.set_scope(scope);
  policy.add_rules()->add_clauses()->add_matches()->add_destination_ports(port);
  auto* resource = response.add_resources();
  resource->set_name(name);
  resource->set_version(version);
  resource->mutable_resource()->set_type_url(std::string(kAuthorizationType));
  resource->mutable_resource()->set_value(policy.SerializeAsString());
}
constexpr std::uint32_t kBadPort = 70'000;

XdsSubscriptions make() {
  XdsNode node;
  node.ip = "198.18.0.7";
  node.pod_name = "proxy-1";
  node.pod_namespace = "mesh";
  node.node_name = "node-1";
  node.metadata = {{"CLUSTER_ID", "c1"}};
  node.json_metadata = {{"LABELS", R"({"a":"b"})"}};
  auto made = XdsSubscriptions::make(node);
  return std::move(*made);
}

TEST(XdsSubscriptions, OpensWithNodeAndBothTypes) {
  const auto requests = make().initial();
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

TEST(XdsSubscriptions, KeepsVersionsAcrossStreams) {
  auto subscriptions = make();
  auto first = response_of(kAddressType, "n1");
  add_workload(first, "a", "v1");
  add_workload(first, "b", "v1");
  subscriptions.answer(decode_response(first));
  auto second = response_of(kAddressType, "n2");
  add_workload(second, "a", "v2");
  second.add_removed_resources("b");
  second.add_removed_resources("never held");
  subscriptions.answer(decode_response(second));
  const auto requests = subscriptions.initial();
  EXPECT_THAT(requests[0].initial_resource_versions(), UnorderedElementsAre(Pair("a", "v2")));
  EXPECT_THAT(requests[1].initial_resource_versions(), IsEmpty());
}

// Completes, applies (in thought) and answers, as the client does; the completed response.
XdsResponse take(XdsSubscriptions& subscriptions, Response response) {
  auto decoded = decode_response(response);
  subscriptions.complete(decoded);
  subscriptions.answer(decoded);
  return decoded;
}

// A subscription that holds `names`, on a stream that has answered.
XdsSubscriptions holding(const std::vector<std::string>& names) {
  auto subscriptions = make();
  auto response = response_of(kAddressType, "n1");
  for (const auto& name : names) add_workload(response, name, "v1");
  take(subscriptions, std::move(response));
  auto policies = response_of(kAuthorizationType, "n2");
  take(subscriptions, std::move(policies));
  return subscriptions;
}

TEST(XdsSubscriptions, NamesNothingWhereTheRequestWouldBeTooLarge) {
  const std::string tail(200, 'x');
  auto few = holding({"0" + tail, "1" + tail});
  EXPECT_EQ(few.initial()[0].initial_resource_versions_size(), 2);
  std::vector<std::string> names;
  for (int i = 0; i < 16'000; ++i) names.push_back(std::to_string(i) + tail);
  auto many = holding(names);
  const auto requests = many.initial();
  EXPECT_EQ(requests[0].initial_resource_versions_size(), 0);
  EXPECT_TRUE(requests[0].has_node());
  EXPECT_EQ(many.held(), names.size()) << "they are kept until the answer";
  auto everything = response_of(kAddressType, "n3");
  add_workload(everything, names[7], "v2");
  const auto completed = take(many, std::move(everything));
  EXPECT_EQ(completed.update.removed_addresses.size(), names.size() - 1);
  EXPECT_EQ(completed.update.workloads.size(), 1U);
  EXPECT_EQ(many.held(), 1U);
  EXPECT_THAT(many.initial()[0].initial_resource_versions(),
              UnorderedElementsAre(Pair(names[7], "v2")));
}

// A name long enough for its request to be a large one.
std::string long_name(const std::string& start) {
  return start + std::string(XdsSubscriptions::kLarge, 'x');
}

TEST(XdsSubscriptions, NamesNothingAfterTheServerHadTooMuch) {
  const auto a = long_name("a"), b = long_name("b"), c = long_name("c"), d = long_name("d");
  auto subscriptions = holding({a, b, c, d});
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 4);
  subscriptions.on_too_large();
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 0);
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 0) << "not answered yet";
  auto everything = response_of(kAddressType, "n3");
  add_workload(everything, a, "v1");
  add_workload(everything, b, "v2", "not an address");
  everything.add_removed_resources(c);
  const auto completed = take(subscriptions, std::move(everything));
  EXPECT_THAT(completed.update.removed_addresses, UnorderedElementsAre(c, d))
      << "what was refused is mentioned: the earlier version stays";
  auto more = response_of(kAddressType, "n4");
  add_workload(more, "e", "v1");
  EXPECT_THAT(take(subscriptions, std::move(more)).update.removed_addresses, IsEmpty())
      << "only the first response is complete";
  EXPECT_THAT(subscriptions.initial()[0].initial_resource_versions(),
              UnorderedElementsAre(Pair(a, "v1"), Pair(b, "v1"), Pair("e", "v1")));
}

TEST(XdsSubscriptions, ASmallRequestWasNotTooLarge) {
  auto subscriptions = holding({long_name("a")});
  auto policies = response_of(kAuthorizationType, "n3");
  add_policy(policies, "ns/p", "v1");
  take(subscriptions, std::move(policies));
  subscriptions.initial();
  subscriptions.on_too_large();
  const auto requests = subscriptions.initial();
  EXPECT_EQ(requests[0].initial_resource_versions_size(), 0);
  EXPECT_EQ(requests[1].initial_resource_versions_size(), 1);
}

TEST(XdsSubscriptions, AFirstOrAnOrdinaryStreamRemovesNothing) {
  auto subscriptions = make();
  subscriptions.initial();
  subscriptions.on_too_large();
  auto first = response_of(kAddressType, "n1");
  add_workload(first, long_name("a"), "v1");
  EXPECT_THAT(take(subscriptions, std::move(first)).update.removed_addresses, IsEmpty());
  subscriptions.initial();
  auto nothing_new = response_of(kAddressType, "n2");
  EXPECT_THAT(take(subscriptions, std::move(nothing_new)).update.removed_addresses, IsEmpty());
  subscriptions.on_too_large();
  EXPECT_EQ(subscriptions.initial()[0].initial_resource_versions_size(), 1)
      << "what ended an answered stream was another request";
  auto other = response_of("type.googleapis.com/other", "n3");
  EXPECT_THAT(take(subscriptions, std::move(other)).removed, IsEmpty());
}

// Takes one policy of that name; the completed response.
XdsResponse take_policy(XdsSubscriptions& subscriptions, const std::string& version,
                        std::uint32_t port) {
  auto response = response_of(kAuthorizationType, "n");
  add_policy(response, "ns/p", version, port);
  return take(subscriptions, std::move(response));
}

TEST(XdsSubscriptions, AStandInFillsTheGapOfARefusedPolicy) {
  auto subscriptions = make();
  take(subscriptions, response_of(kAddressType, "n1"));
  const auto refused = take_policy(subscriptions, "v1", kBadPort);
  ASSERT_EQ(refused.update.policies.size(), 1U);
  EXPECT_EQ(refused.update.policies[0].resource_name, "ns/p");
  EXPECT_EQ(refused.update.policies[0].scope, state::Policy::Scope::namespace_);
  EXPECT_THAT(refused.update.policies[0].rules, IsEmpty());
  EXPECT_EQ(refused.stand_ins.size(), 1U);
  EXPECT_TRUE(subscriptions.answer(refused).has_error_detail());
  EXPECT_TRUE(subscriptions.ready()) << "nothing is missing";
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "")))
      << "to hear when it is gone";
  EXPECT_EQ(take_policy(subscriptions, "v2", kBadPort).stand_ins.size(), 1U);
  EXPECT_EQ(take_policy(subscriptions, "v3", 80).update.policies[0].rules.size(), 1U);
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "v3")));
}

TEST(XdsSubscriptions, AnEarlierVersionNeedsNoStandIn) {
  auto subscriptions = make();
  take_policy(subscriptions, "v1", 80);
  const auto refused = take_policy(subscriptions, "v2", kBadPort);
  EXPECT_THAT(refused.update.policies, IsEmpty());
  EXPECT_THAT(refused.stand_ins, IsEmpty());
  EXPECT_THAT(subscriptions.initial()[1].initial_resource_versions(),
              UnorderedElementsAre(Pair("ns/p", "v1")));
  auto both = response_of(kAuthorizationType, "n");
  add_policy(both, "ns/p", "v3", kBadPort);
  both.add_removed_resources("ns/p");
  EXPECT_EQ(take(subscriptions, std::move(both)).update.policies.size(), 1U)
      << "the earlier version goes away with this response";
}

TEST(XdsSubscriptions, AGoodVersionInTheSameResponseNeedsNoStandIn) {
  auto subscriptions = make();
  auto twice = response_of(kAuthorizationType, "n");
  add_policy(twice, "ns/p", "v1", 80);
  add_policy(twice, "ns/p", "v2", kBadPort);
  const auto completed = take(subscriptions, std::move(twice));
  ASSERT_EQ(completed.update.policies.size(), 1U);
  EXPECT_EQ(completed.update.policies[0].rules.size(), 1U);
}

TEST(XdsSubscriptions, AStandInGoesWithWhatItStandsFor) {
  auto subscriptions = make();
  take_policy(subscriptions, "v1", kBadPort);
  auto removal = response_of(kAuthorizationType, "n");
  removal.add_removed_resources("ns/p");
  EXPECT_THAT(take(subscriptions, std::move(removal)).update.removed_policies, ElementsAre("ns/p"));
  EXPECT_EQ(subscriptions.held(), 0U);
  EXPECT_EQ(take_policy(subscriptions, "v1", kBadPort).stand_ins.size(), 1U);
}

TEST(XdsSubscriptions, WhatNothingCanStandInForHoldsUpTheFirstSync) {
  auto subscriptions = make();
  take(subscriptions, response_of(kAddressType, "n1"));
  auto response = response_of(kAuthorizationType, "n2");
  add_policy(response, "ns/p", "v1", 80, static_cast<istio::security::Scope>(7));
  EXPECT_THAT(take(subscriptions, std::move(response)).update.policies, IsEmpty());
  EXPECT_FALSE(subscriptions.ready());
  auto another = response_of(kAuthorizationType, "n3");
  add_policy(another, "ns/q", "v1", 80);
  take(subscriptions, std::move(another));
  EXPECT_FALSE(subscriptions.ready()) << "the other one is missing as before";
  take_policy(subscriptions, "v2", 80);
  EXPECT_TRUE(subscriptions.ready());
}

TEST(XdsSubscriptions, WhatIsGoneIsNotMissing) {
  for (const bool by_removal : {true, false}) {
    auto subscriptions = make();
    take(subscriptions, response_of(kAddressType, "n1"));
    auto response = response_of(kAuthorizationType, "n2");
    add_policy(response, "ns/p", "v1", 80, static_cast<istio::security::Scope>(7));
    take(subscriptions, std::move(response));
    EXPECT_FALSE(subscriptions.ready());
    auto next = response_of(kAuthorizationType, "n3");
    if (by_removal)
      next.add_removed_resources("ns/p");
    else
      subscriptions.initial();  // a new stream: what is not held and exists is in its response
    take(subscriptions, std::move(next));
    EXPECT_TRUE(subscriptions.ready());
  }
}

TEST(XdsSubscriptions, AcknowledgesByNonce) {
  auto subscriptions = make();
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
  auto subscriptions = make();
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

TEST(XdsSubscriptions, AnUnknownTypeIsRefusedAndChangesNothing) {
  auto subscriptions = make();
  auto response = response_of("type.googleapis.com/other", "n1");
  response.add_removed_resources("a");
  const auto decoded = decode_response(response);
  EXPECT_TRUE(decoded.update.empty());
  const auto answer = subscriptions.answer(decoded);
  EXPECT_EQ(answer.type_url(), "type.googleapis.com/other");
  EXPECT_TRUE(answer.has_error_detail());
}

TEST(XdsSubscriptions, ANackStaysSmall) {
  auto subscriptions = make();
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

TEST(ReconnectPolicy, ConnectErrorsDoubleFrom20MsTo15S) {
  ReconnectPolicy policy;
  Duration expected = 20ms;
  for (int i = 0; i < 14; ++i) {
    const auto next = policy.next({StreamEnd::Kind::lost, false, {}});
    EXPECT_EQ(next.reason, XdsTermination::connection_error);
    EXPECT_EQ(next.after, std::min<Duration>(expected, 15s));
    expected *= 2;
  }
  EXPECT_EQ(policy.next({StreamEnd::Kind::lost, true, 1min}).after, 10ms);
  EXPECT_EQ(policy.next({StreamEnd::Kind::lost, false, {}}).after, 20ms) << "reset";
}

TEST(ReconnectPolicy, ByTheWayItEnded) {
  using Kind = StreamEnd::Kind;
  ReconnectPolicy policy;
  auto next = policy.next({Kind::orderly, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::complete);
  EXPECT_EQ(next.after, 0ms);
  next = policy.next({Kind::lost, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::reconnect);
  EXPECT_EQ(next.after, 10ms);
  next = policy.next({Kind::failed, true, 30min});
  EXPECT_EQ(next.reason, XdsTermination::error);
  EXPECT_EQ(next.after, 20ms);
  EXPECT_EQ(policy.next({Kind::failed, true, 30min}).after, 40ms);
}

TEST(ReconnectPolicy, AServerThatDropsAtOnceIsNotHammered) {
  ReconnectPolicy policy;
  Duration last{};
  for (int i = 0; i < 5; ++i) {
    const auto next = policy.next({StreamEnd::Kind::orderly, true, 5ms});
    EXPECT_GT(next.after, last);
    last = next.after;
  }
}

}  // namespace
}  // namespace culvert::control
