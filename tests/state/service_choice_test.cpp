// Which service an address or a hostname means, seen from one namespace.
#include "state/mesh.hpp"

namespace culvert::state {
namespace {

using test::ip;
using test::Mesh;
using test::range;
using test::service;

Service shared(std::string_view namespace_, bool canonical = false,
               Visibility visibility = Visibility::public_) {
  Service s = service(namespace_, "x.example", {"10.96.0.1"});
  s.canonical = canonical;
  s.visibility = visibility;
  return s;
}

std::string by_vip(const Mesh& mesh, std::string_view client, std::string_view ip_text) {
  const auto s = mesh.store.view().find_service_by_vip({}, ip(ip_text), Name(client));
  return s == nullptr ? "" : s->namespace_.str();
}
std::string by_host(const Mesh& mesh, std::string_view client, std::string_view preferred = "") {
  const auto s =
      mesh.store.view().find_service_by_hostname("x.example", Name(client), Name(preferred));
  return s == nullptr ? "" : s->namespace_.str();
}

TEST(ServiceChoice, OwnNamespaceThenCanonicalThenPreferredThenFirst) {
  Mesh mesh;
  mesh.add(shared("a"));
  mesh.add(shared("b"));
  mesh.add(shared("c"));
  for (const auto& ask : {by_vip(mesh, "z", "10.96.0.1"), by_host(mesh, "z"), by_host(mesh, "")})
    EXPECT_EQ(ask, "a");
  EXPECT_EQ(by_host(mesh, "z", "c"), "c");
  mesh.add(shared("b", true));
  EXPECT_EQ(by_vip(mesh, "z", "10.96.0.1"), "b");
  EXPECT_EQ(by_host(mesh, "z", "c"), "b");
  EXPECT_EQ(by_vip(mesh, "c", "10.96.0.1"), "c");
  EXPECT_EQ(by_host(mesh, "c"), "c");
  mesh.add(shared("c", true));
  EXPECT_EQ(by_vip(mesh, "z", "10.96.0.1"), "c") << "the last canonical one";
}

TEST(ServiceChoice, NamespaceScopedServicesAreInvisibleElsewhere) {
  Mesh mesh;
  mesh.add(shared("a", true, Visibility::namespace_));
  EXPECT_EQ(by_vip(mesh, "z", "10.96.0.1"), "");
  EXPECT_EQ(by_host(mesh, "z"), "");
  EXPECT_EQ(by_vip(mesh, "a", "10.96.0.1"), "a");
  EXPECT_EQ(by_vip(mesh, "", "10.96.0.1"), "a");
}

TEST(ServiceChoice, HostnamesAreComparedInLowerCaseWithoutFinalDot) {
  Mesh mesh;
  mesh.add(service("a", "X.Example.", {"10.96.0.1"}));
  EXPECT_EQ(by_host(mesh, "z"), "a");
  mesh.remove("a/X.Example.");
  EXPECT_EQ(by_host(mesh, "z"), "");
}

TEST(ServiceChoice, ServicesWithoutAddressCanBeLeftOut) {
  Mesh mesh;
  Service headless = shared("a", true);
  headless.vips.clear();
  headless.cidr_vips = {range("10.0.0.0/8")};
  mesh.add(headless);
  mesh.add(shared("b"));
  EXPECT_EQ(by_host(mesh, "z"), "a");
  const auto found = mesh.store.view().find_addressed_service_by_hostname("x.example", Name("a"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->namespace_, "b") << "left out before the choice, not after it";
}

TEST(ServiceChoice, OfOneNamespaceTheNewestCounts) {
  Mesh mesh;
  Service older = service("a", "older", {"10.96.0.1"});
  Service newer = service("a", "newer", {"10.96.0.1"});
  mesh.add(older);
  mesh.add(newer);
  const auto found = [&] {
    return mesh.store.view().find_service_by_vip({}, ip("10.96.0.1"), Name("z"))->hostname.str();
  };
  EXPECT_EQ(found(), "newer");
  mesh.remove("a/newer");
  EXPECT_EQ(found(), "older");
}

TEST(ServiceChoice, RangesOwnNamespaceThenLengthThenCanonical) {
  Mesh mesh;
  const auto ranged = [](std::string_view ns, std::string_view prefix, bool canonical = false) {
    Service s = service(ns, std::string(ns) + ".range", {});
    s.cidr_vips = {range(prefix)};
    s.canonical = canonical;
    return s;
  };
  mesh.add(ranged("a", "10.0.0.0/8"));
  mesh.add(ranged("b", "10.1.0.0/16"));
  mesh.add(ranged("c", "10.1.0.0/16", true));
  EXPECT_EQ(by_vip(mesh, "z", "10.1.2.3"), "c");
  EXPECT_EQ(by_vip(mesh, "a", "10.1.2.3"), "a");
  EXPECT_EQ(by_vip(mesh, "b", "10.1.2.3"), "b");
  EXPECT_EQ(by_vip(mesh, "z", "10.2.2.3"), "a");
  EXPECT_EQ(by_vip(mesh, "z", "11.2.2.3"), "");
  EXPECT_EQ(by_vip(mesh, "z", "2001:2::1"), "");
  mesh.add(service("d", "exact", {"10.1.2.3"}));
  EXPECT_EQ(by_vip(mesh, "a", "10.1.2.3"), "d") << "an exact address beats every range";
}

TEST(ServiceChoice, EndpointUpdatesDoNotMultiplyRanges) {
  Mesh mesh;
  Service s = service("a", "r", {});
  s.cidr_vips = {range("2001:2::/48")};
  for (int i = 0; i < 3; ++i) {
    s.ports = {{80, static_cast<std::uint16_t>(8000 + i)}};
    mesh.add(s);
    mesh.add(test::in(test::pod("a", "p" + std::to_string(i), {}), "a/r"));
  }
  const auto held = mesh.store.view().find_service_by_vip({}, ip("2001:2::5"), {});
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->ports.find(80), 8002);
  mesh.remove("a/r");
  EXPECT_EQ(by_vip(mesh, "a", "2001:2::5"), "");
}

}  // namespace
}  // namespace culvert::state
