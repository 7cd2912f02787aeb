// The tables made of a config dump, and what they do with one that lacks things.
#include "cli/views.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace culvert::cli {
namespace {

using ::testing::HasSubstr;

nlohmann::json dump() {
  return nlohmann::json::parse(R"({
    "version": {"version": "1.2"},
    "config": {"localNode": "node-a", "clusterId": "Kubernetes", "proxyMode": "Shared",
               "dnsProxy": true},
    "certificates": [
      {"identity": "spiffe://td/ns/shop/sa/cart", "state": "Available",
       "certChain": [{"serialNumber": "77", "validFrom": "2026-01-01T00:00:00Z",
                      "expirationTime": "2026-01-02T00:00:00Z"}]},
      {"identity": "spiffe://td/ns/shop/sa/new", "state": "Unavailable: no", "certChain": []}],
    "policies": [{"name": "deny", "namespace": "shop", "action": "Deny", "scope": "Namespace",
                  "dryRun": false, "rules": [[], []]}],
    "services": [{"name": "cart", "namespace": "shop", "hostname": "cart.shop", "vips": ["/10.9.0.2"],
                  "ports": {"80": 8080},
                  "endpoints": {"a": {"workloadUid": "u1"}, "b": {"workloadUid": "u2"}}}],
    "workloads": [
      {"uid": "u1", "name": "cart-0", "namespace": "shop", "workloadIps": ["10.1.0.5", "2001:2::5"],
       "node": "node-a", "protocol": "HBONE", "status": "Healthy", "serviceAccount": "cart",
       "trustDomain": "td"},
      {"uid": "u2", "name": "old", "namespace": "shop", "workloadIps": [], "status": "Unhealthy"}],
    "workloadState": {"p1": {"state": "Up",
      "info": {"name": "cart-0", "namespace": "shop", "serviceAccount": "cart"},
      "connections": {"inbound": [{"src": "10.1.0.6:41000", "originalDst": null,
                                   "actualDst": "10.1.0.5:8080", "protocol": "HBONE"}],
                      "outbound": []}}}
  })");
}

TEST(Views, Workloads) {
  const auto text = view_workloads(dump());
  EXPECT_THAT(text, HasSubstr("10.1.0.5,2001:2::5"));
  EXPECT_THAT(text, HasSubstr("spiffe://td/ns/shop/sa/cart"));
  EXPECT_THAT(text, HasSubstr("spiffe:///ns/shop/sa/"));
}

TEST(Views, ServicesCountHealthyEndpoints) {
  const auto text = view_services(dump());
  EXPECT_THAT(text, HasSubstr("/10.9.0.2"));
  EXPECT_THAT(text, HasSubstr("80->8080"));
  EXPECT_THAT(text, HasSubstr("1/2"));
}

TEST(Views, PoliciesCertificatesConnections) {
  EXPECT_THAT(view_policies(dump()), HasSubstr("Deny    Namespace  2"));
  EXPECT_THAT(view_certificates(dump()), HasSubstr("2026-01-02T00:00:00Z  77"));
  EXPECT_THAT(view_certificates(dump()), HasSubstr("Unavailable: no"));
  EXPECT_THAT(view_connections(dump()),
              HasSubstr("shop/cart-0  inbound    10.1.0.6:41000  -   10.1.0.5:8080  HBONE"));
}

TEST(Views, StatusSumsUp) {
  const auto text = view_status(dump());
  EXPECT_THAT(text, HasSubstr("node node-a"));
  EXPECT_THAT(text, HasSubstr("Shared mode, DNS served\n"));
  auto without = dump();
  without["config"]["dnsProxy"] = false;
  EXPECT_THAT(view_status(without), HasSubstr("DNS not served\n"));
  EXPECT_THAT(text, HasSubstr("2 workloads, 1 services, 1 policies, 1/2 certificates available"));
  EXPECT_THAT(text, HasSubstr("cart-0"));
}

TEST(Views, SurviveWhatIsMissing) {
  for (const auto* text :
       {"{}", "[]", "null", R"({"workloads": {"a": {}}, "services": 3, "certificates": [7]})",
        R"({"workloadState": {"x": {"connections": {"inbound": [null]}}}})"}) {
    const auto odd = nlohmann::json::parse(text);
    for (const auto view : {view_status, view_workloads, view_services, view_policies,
                            view_certificates, view_connections})
      EXPECT_FALSE(view(odd).empty()) << text;
  }
}

}  // namespace
}  // namespace culvert::cli
