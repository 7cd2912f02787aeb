// The mesh and its changes on the streams of the control plane, over TLS on the loopback interface.
#include "authority/client_stream.hpp"
#include "authority/control_plane_fixture.hpp"
#include "authority/delta_session.hpp"
#include "authority/snapshot.hpp"

#include <gmock/gmock.h>

namespace culvert::authority::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ControlPlaneTest, ServesTheMeshAndItsChanges) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  auto response = stream.read();
  EXPECT_EQ(response.type_url(), kAddressType);
  EXPECT_THAT(names(response),
              ElementsAre("c1//Pod/shop/cart", "c1//Pod/shop/front", "shop/cart.shop"));
  EXPECT_THAT(response.resources(0).aliases(), ElementsAre("/198.18.0.5"));
  EXPECT_EQ(response.resources(0).resource().type_url(), kAddressType);
  stream.answer(response);
  stream.subscribe(kAuthorizationType);
  response = stream.read();
  EXPECT_EQ(response.type_url(), kAuthorizationType);
  EXPECT_THAT(names(response), ElementsAre("shop/deny"));
  stream.answer(response, "shop/deny: refused by the test");

  temp_.replace("mesh.yaml", mesh(workload("cart", "198.18.0.7", "node-a") +
                                  workload("new", "198.18.0.8", "node-b")));
  response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("c1//Pod/shop/cart", "c1//Pod/shop/new"));
  EXPECT_THAT(response.removed_resources(), ElementsAre("c1//Pod/shop/front"));
}

TEST_F(ControlPlaneTest, KeepsServingWhenTheFileIsBad) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.answer(stream.read());
  temp_.replace("mesh.yaml", "workloads: [}");
  // Whether it was read by now or not: a new stream gets the earlier mesh, and the first hears
  // nothing until the file is good.
  Stream second(channel_, "all-powers");
  second.subscribe(kAddressType);
  EXPECT_EQ(second.read().resources_size(), 3);
  temp_.replace("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  EXPECT_THAT(names(stream.read()), ElementsAre("c1//Pod/shop/new"));
}

TEST_F(ControlPlaneTest, KeepsServingWhenTheFileIsEmptied) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe(kAddressType);
  stream.answer(stream.read());
  for (const char* nothing : {"", "# to be written\n", "---\n", "policies:\n"}) {
    temp_.write("mesh.yaml", nothing);
    let_it_look();
  }
  temp_.write("mesh.yaml", mesh(two_workloads() + workload("new", "198.18.0.8", "node-b")));
  const auto response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("c1//Pod/shop/new"));
  EXPECT_THAT(response.removed_resources(), IsEmpty());
  stream.answer(response);
  temp_.write("mesh.yaml", "{}\n");
  EXPECT_THAT(stream.read().removed_resources(), SizeIs(4)) << "an empty mesh, said so";
}

TEST_F(ControlPlaneTest, AnswersByAlias) {
  start();
  Stream stream(channel_, "token-of-a");
  Request request;
  request.mutable_node()->set_id("node");
  request.set_type_url(std::string(kAddressType));
  request.add_resource_names_subscribe("/198.19.0.1");
  request.add_resource_names_subscribe("/198.19.0.9");
  stream.write(request);
  const auto response = stream.read();
  EXPECT_THAT(names(response), ElementsAre("shop/cart.shop"));
  EXPECT_THAT(response.removed_resources(), ElementsAre("/198.19.0.9"));
}

TEST_F(ControlPlaneTest, RefusesStreamsWithoutTokenOrNode) {
  start();
  for (const char* token : {"", "wrong"}) {
    Stream stream(channel_, token);
    stream.subscribe(kAddressType);
    EXPECT_EQ(stream.read().resources_size(), 0);
    EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  Stream stream(channel_, "all-powers");
  stream.write(Request());
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ControlPlaneTest, AnUnknownTypeDoesNotDisturbTheStream) {
  start();
  Stream stream(channel_, "all-powers");
  stream.subscribe("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  stream.subscribe(kAuthorizationType);
  EXPECT_THAT(names(stream.read()), ElementsAre("shop/deny"));
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::OK);
}

TEST_F(ControlPlaneTest, EndsAStreamThatAsksForTooMuch) {
  start();
  Stream stream(channel_, "token-of-a");
  Request request;
  request.mutable_node()->set_id("node");
  request.set_type_url(std::string(kAddressType));
  for (std::size_t i = 0; i <= DeltaSession::kMaxNames; ++i)
    request.add_resource_names_subscribe(std::to_string(i));
  stream.write(request);
  stream.read();
  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace culvert::authority::test
