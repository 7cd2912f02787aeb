#include "culvert/state/inbound.hpp"

#include "state/mesh.hpp"

#include <gmock/gmock.h>

namespace culvert::state {
namespace {

using test::at;
using test::gateway_by_name;
using test::in;
using test::ip;
using test::Mesh;
using test::pod;
using test::service;
using testing::HasSubstr;

// The pod "shop/cart" (10.0.0.2) of the service cart.local (10.96.0.2, 80 to 8080), and
// "shop/other".
struct Inbound : testing::Test {
  Inbound() {
    mesh.add(service("shop", "cart.local", {"10.96.0.2"}));
    mesh.add(service("shop", "other.local", {"10.96.0.3"}));
    mesh.add(in(pod("shop", "cart", {"10.0.0.2"}), "shop/cart.local"));
    mesh.add(in(pod("shop", "other", {"10.0.0.3"}), "shop/other.local"));
  }
  InboundDecision ask(std::string_view authority) {
    const WorkloadPtr local = mesh.workload("c1//Pod/shop/cart");
    return decide_inbound(mesh.store.view(), *local, ip("10.0.0.2"), authority, settings);
  }
  InboundTarget delivered(std::string_view authority) {
    auto decision = ask(authority);
    if (const auto* refusal = std::get_if<InboundRefusal>(&decision)) {
      ADD_FAILURE() << authority << ": " << refusal->reason;
      return {};
    }
    return std::get<InboundTarget>(decision);
  }
  // The status of a refusal, 200 for a delivery.
  int status(std::string_view authority) {
    const auto decision = ask(authority);
    const auto* refusal = std::get_if<InboundRefusal>(&decision);
    if (refusal != nullptr) {
      EXPECT_FALSE(refusal->reason.empty());
    }
    return refusal == nullptr ? 200 : refusal->http_status;
  }
  // Changes the local pod.
  template <class F>
  void change(F f) {
    Workload w = *mesh.workload("c1//Pod/shop/cart");
    f(w);
    mesh.add(std::move(w));
  }

  Mesh mesh;
  InboundSettings settings;
};

TEST_F(Inbound, OwnAddress) {
  const auto t = delivered("10.0.0.2:8080");
  EXPECT_EQ(t.next_hop, at("10.0.0.2:8080"));
  EXPECT_EQ(t.dial(), at("10.0.0.2:8080"));
  EXPECT_FALSE(t.proxy_destination);
  EXPECT_EQ(t.service, nullptr) << "that is for guess_service(), which knows more";
}

TEST_F(Inbound, RefusesBadAndForeignAuthorities) {
  EXPECT_EQ(status("10.0.0.2"), 400);
  EXPECT_EQ(status(""), 400);
  EXPECT_EQ(status("10.0.0.3:8080"), 400);
  EXPECT_EQ(status("198.18.0.1:80"), 400);
  EXPECT_EQ(status("10.96.0.2:80"), 400) << "a service's address is not the pod";
  const auto decision = ask("10.0.0.3:8080");
  EXPECT_THAT(std::get<InboundRefusal>(decision).reason, HasSubstr("ip mismatch"));
}

TEST_F(Inbound, RefusesOurOwnPorts) {
  for (const auto authority : {"10.0.0.2:15001", "10.0.0.2:15006", "10.0.0.2:15008"})
    EXPECT_EQ(status(authority), 503) << authority;
  EXPECT_EQ(status("10.0.0.2:15080"), 200);
  settings.internal_ports.ports.push_back(15080);
  EXPECT_EQ(status("10.0.0.2:15080"), 503);
  Service s = service("shop", "cart.local", {});
  s.ports = {{80, 15008}};
  mesh.add(s);
  EXPECT_EQ(status("cart.local:80"), 503);
}

TEST_F(Inbound, HostnamesAreTranslated) {
  const auto t = delivered("cart.local:80");
  EXPECT_EQ(t.next_hop, at("10.0.0.2:8080"));
  EXPECT_EQ(t.service->hostname, "cart.local");
  change([](Workload& w) { w.services[0].ports = {{80, 9090}}; });
  EXPECT_EQ(delivered("cart.local:80").next_hop, at("10.0.0.2:9090"));
}

TEST_F(Inbound, HostnamesThatLeadNowhere) {
  EXPECT_EQ(status("unknown.local:80"), 503);
  EXPECT_EQ(status("cart.local:81"), 503);
  Service named = service("shop", "cart.local", {});
  named.ports = {{80, 0}};
  mesh.add(named);
  EXPECT_EQ(status("cart.local:80"), 503);
  EXPECT_EQ(status("other.local:80"), 400) << "a service of other pods";
}

TEST_F(Inbound, SameHostnameInTwoNamespacesMeansTheOneWePartakeIn) {
  Service twin = service("away", "cart.local", {});
  twin.canonical = true;
  twin.ports = {{80, 7070}};
  mesh.add(twin);
  EXPECT_EQ(delivered("cart.local:80").next_hop.port, 8080);
  change([](Workload& w) { w.services[0].service.namespace_ = Name("away"); });
  EXPECT_EQ(delivered("cart.local:80").next_hop.port, 7070);
}

TEST_F(Inbound, WaypointMayTakeWhatIsBehindIt) {
  Workload other = *mesh.workload("c1//Pod/shop/other");
  for (const auto& reference : {gateway_by_name("shop/cart.local"), test::gateway("10.96.0.2"),
                                test::gateway("10.0.0.2")}) {
    other.waypoint = reference;
    mesh.add(other);
    EXPECT_EQ(delivered("10.0.0.3:8080").next_hop, at("10.0.0.2:8080"));
  }
  other.waypoint = gateway_by_name("shop/other.local");
  mesh.add(other);
  EXPECT_EQ(status("10.0.0.3:8080"), 400) << "somebody else's waypoint";
}

TEST_F(Inbound, WaypointOfAService) {
  Service s = service("shop", "other.local", {"10.96.0.3"});
  s.waypoint = gateway_by_name("shop/cart.local");
  mesh.add(s);
  EXPECT_EQ(status("10.96.0.3:80"), 200);
  EXPECT_EQ(status("other.local:80"), 200);
  s.waypoint.reset();
  s.weighted_waypoints = {{test::gateway("10.9.9.9"), 1}, {test::gateway("10.0.0.2"), 0}};
  mesh.add(s);
  EXPECT_EQ(status("10.96.0.3:80"), 200) << "clients with an older weight may still come";
  s.weighted_waypoints.clear();
  mesh.add(s);
  EXPECT_EQ(status("10.96.0.3:80"), 400);
}

TEST_F(Inbound, PlainApplicationTunnelTakesAnyAddress) {
  change([](Workload& w) {
    w.application_tunnel = ApplicationTunnel{ApplicationTunnel::Protocol::none, 0};
  });
  EXPECT_EQ(delivered("198.18.0.1:8080").next_hop, at("10.0.0.2:8080"));
  change([](Workload& w) { w.application_tunnel->port = 15088; });
  const auto t = delivered("198.18.0.1:8080");
  EXPECT_EQ(t.next_hop, at("10.0.0.2:15088"));
  EXPECT_FALSE(t.loopback || t.proxy_destination);
}

TEST_F(Inbound, ProxyApplicationTunnel) {
  change([](Workload& w) {
    w.application_tunnel = ApplicationTunnel{ApplicationTunnel::Protocol::proxy, 15088};
  });
  auto t = delivered("198.18.0.1:8080");
  EXPECT_EQ(t.next_hop, at("10.0.0.2:15088"));
  EXPECT_EQ(t.dial(), at("127.0.0.1:15088"));
  EXPECT_EQ(t.proxy_destination, at("198.18.0.1:8080"));
  settings.localhost_app_tunnel = false;
  EXPECT_EQ(delivered("198.18.0.1:8080").dial(), at("10.0.0.2:15088"));

  Service s = service("shop", "other.local", {"2001:2::3", "10.96.0.3"});
  s.vips.insert(s.vips.begin(), test::vip("10.1.1.1", "net2"));
  mesh.add(s);
  EXPECT_EQ(delivered("other.local:80").proxy_destination, at("10.96.0.3:80"));
  s.vips.pop_back();
  mesh.add(s);
  EXPECT_EQ(delivered("other.local:80").proxy_destination, at("[2001:2::3]:80"));
  s.vips.clear();
  mesh.add(s);
  EXPECT_EQ(status("other.local:80"), 503);
}

TEST_F(Inbound, ApplicationTunnelMustNotLoop) {
  change([](Workload& w) {
    w.application_tunnel = ApplicationTunnel{ApplicationTunnel::Protocol::none, 15008};
  });
  EXPECT_EQ(status("198.18.0.1:8080"), 503);
}

TEST_F(Inbound, GuessesTheService) {
  change([](Workload& w) {
    w.services.push_back({test::key("shop/late.local"), {}});
    w.services.push_back({test::key("shop/second.local"), {{81, 8081}}});
  });
  Service second = service("shop", "second.local", {});
  second.ports = {{81, 0}, {82, 8080}};
  mesh.add(second);
  const WorkloadPtr local = mesh.workload("c1//Pod/shop/cart");
  const auto guess = [&](std::string_view host, std::uint16_t port) {
    const auto s = guess_service(mesh.store.view(), *local, host, port);
    return s == nullptr ? "" : s->hostname.str();
  };
  EXPECT_EQ(guess("second.local", 1), "second.local");
  EXPECT_EQ(guess("", 8080), "cart.local") << "the first of two";
  EXPECT_EQ(guess("other.local", 8081), "second.local") << "not one of ours: by port";
  EXPECT_EQ(guess("late.local", 9), "") << "not known yet";
  EXPECT_EQ(guess("", 9), "");
}

}  // namespace
}  // namespace culvert::state
