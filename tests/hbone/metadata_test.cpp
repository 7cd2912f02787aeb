#include "culvert/hbone/metadata.hpp"

#include <gtest/gtest.h>

namespace culvert::hbone {
namespace {

state::Workload front() {
  state::Workload workload;
  workload.cluster_id = Name("Kubernetes");
  workload.namespace_ = Name("shop");
  workload.workload_name = Name("front");
  workload.canonical_name = Name("front");
  workload.canonical_revision = Name("v1");
  workload.locality.region = Name("r1");
  workload.locality.zone = Name("z1");
  return workload;
}

TEST(Baggage, SaysWhatIsKnownInOrder) {
  EXPECT_EQ(baggage_of(front()),
            "k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=front,"
            "service.name=front,service.version=v1,cloud.region=r1,cloud.availability_zone=z1");
  EXPECT_EQ(baggage_of(state::Workload{}), "");
}

TEST(Baggage, ReadsItsOwnWords) {
  const auto read = parse_baggage(baggage_of(front()));
  EXPECT_EQ(read.cluster, "Kubernetes");
  EXPECT_EQ(read.namespace_, "shop");
  EXPECT_EQ(read.workload_name, "front");
  EXPECT_EQ(read.service_version, "v1");
  EXPECT_EQ(read.zone, "z1");
}

TEST(Baggage, ToleratesWhatPeersSend) {
  EXPECT_EQ(parse_baggage("k8s.pod.name=a,k8s.job.name=b").workload_name, "b");
  EXPECT_EQ(parse_baggage("service.name=a=b").service_name, "a");
  EXPECT_TRUE(parse_baggage("x=y,,=,service.name").empty());
  EXPECT_TRUE(parse_baggage("service.name=a\x01").empty());
  EXPECT_TRUE(parse_baggage("service.name=" + std::string(257, 'a')).empty());
}

TEST(Forwarded, CarriesSourceAndService) {
  const auto v4 = *SocketAddress::parse("10.0.0.1:80");
  const auto v6 = *SocketAddress::parse("[2001:db8::1]:1234");
  EXPECT_EQ(forwarded_header(v4, ""), "for=\"10.0.0.1:80\"");
  EXPECT_EQ(forwarded_header(v6, "a.b"), "for=\"[2001:db8::1]:1234\";host=a.b");
}

TEST(Forwarded, GivesTheHost) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"for=\"1.2.3.4:5\";host=a.b", "a.b"},
      {"host=\"a.b\"", "a.b"},
      {" host=a ; for=x", "a"},
      {"for=x", ""},
      {"host=", ""},
      {"host=\x7f", ""},
      {"", ""},
      {"host=\"", "\""},
  };
  for (const auto& [value, host] : cases) EXPECT_EQ(forwarded_host(value), host) << value;
}

TEST(Traceparent, HasTheW3cForm) {
  Random random(7);
  const auto made = make_traceparent(random);
  EXPECT_TRUE(is_traceparent(made)) << made;
  EXPECT_FALSE(is_traceparent(std::string(55, 'a')));
  EXPECT_FALSE(is_traceparent(made + "0"));
  EXPECT_FALSE(is_traceparent(""));
}

}  // namespace
}  // namespace culvert::hbone
