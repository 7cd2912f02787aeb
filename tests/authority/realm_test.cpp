#include "authority/realm.hpp"

#include "authority/request_builder.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>

namespace culvert::authority {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TempDir;

const WallTime kNow = WallClock::from_time_t(1'800'000'000);

constexpr const char* kMesh =
    "workloads:\n"
    "- uid: a\n"
    "  name: cart\n"
    "  namespace: shop\n"
    "  serviceAccount: cart\n"
    "  node: node-a\n"
    "  workloadIps: [198.18.0.5]\n"
    "  services: {}\n";

Realm make_realm() {
  const auto root = *CertificateAuthority::make_root("cluster.local", kNow);
  return Realm(*CertificateAuthority::open(root, kNow), "cluster.local", 1h);
}

TEST(Realm, KeepsTheEarlierMeshWhenTheFileIsBad) {
  const TempDir temp;
  auto realm = make_realm();
  const auto file = temp.write("mesh.yaml", kMesh);
  ASSERT_TRUE(*realm.load_mesh(file));
  const auto before = realm.snapshot();

  temp.write("mesh.yaml", std::string(kMesh) + "  workloadIp: [x]\n");
  const auto bad = realm.load_mesh(file);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, HasSubstr(file.string() + ":9: "));
  EXPECT_THAT(bad.error().detail, HasSubstr("workloadIp"));
  EXPECT_EQ(realm.snapshot(), before);

  std::filesystem::remove(file);
  EXPECT_EQ(realm.load_mesh(file).error().code, Errc::not_found);
  EXPECT_EQ(realm.snapshot(), before);

  temp.write("mesh.yaml", kMesh);
  EXPECT_FALSE(*realm.load_mesh(file));  // what is served already
  EXPECT_EQ(realm.snapshot(), before);
}

TEST(Realm, KeepsTheEarlierTokensWhenTheFileIsBad) {
  const TempDir temp;
  auto realm = make_realm();
  ASSERT_TRUE(*realm.load_tokens(temp.write("tokens", "one\n")));
  EXPECT_FALSE(realm.load_tokens(temp.write("tokens", "two words\n")));
  EXPECT_TRUE(realm.authenticate("Bearer one"));
  EXPECT_TRUE(*realm.load_tokens(temp.write("tokens", "two\n")));
  EXPECT_FALSE(realm.authenticate("Bearer one"));
  EXPECT_TRUE(realm.authenticate("Bearer two"));
}

TEST(Realm, IssuesForTheMeshThatIsServedNow) {
  const TempDir temp;
  auto realm = make_realm();
  const auto file = temp.write("mesh.yaml", kMesh);
  ASSERT_TRUE(realm.load_mesh(file));
  const CertificateOrder order{.csr = make_request({}),
                               .impersonated = "spiffe://cluster.local/ns/shop/sa/cart",
                               .validity_seconds = 10};
  const auto issued = realm.issue(Caller{"node-a"}, order, kNow);
  ASSERT_TRUE(issued) << issued.error().detail;
  ASSERT_EQ(issued->chain.size(), 2U);
  EXPECT_EQ(*not_after(**cert_from_pem(issued->chain[0])), kNow + 10s);
  EXPECT_EQ(issued->chain[1], realm.ca().root_pem());
  temp.write("mesh.yaml", "workloads: []\n");
  ASSERT_TRUE(*realm.load_mesh(file));
  EXPECT_EQ(realm.issue(Caller{"node-a"}, order, kNow).error().code, Errc::denied);
}

}  // namespace
}  // namespace culvert::authority
