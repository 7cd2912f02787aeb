// What the mesh answers, seen from one namespace.
#include "dns/mesh.hpp"

#include <array>

namespace culvert::dns {
namespace {

using state::Visibility;
using state::test::service;
using test::Asker;
using test::kForwarded;
using test::kNoRecords;
using test::kube;
using test::kUnsupported;
using test::Texts;

// behaviour.md 11.3, by number of labels.
TEST(Resolve, KubernetesNames) {
  Asker a("shop");
  a.mesh.add(kube("shop", "web", {"10.96.0.1"}));
  a.mesh.add(kube("data", "db", {"10.96.0.2"}));
  const struct {
    const char* name;
    const char* address;
  } rows[] = {
      {"web", "10.96.0.1"},
      {"db", nullptr},  // another namespace's
      {"web.shop", "10.96.0.1"},
      {"db.data", "10.96.0.2"},
      {"web.data", nullptr},
      {"web.shop.svc", "10.96.0.1"},
      {"db.data.svc", "10.96.0.2"},
      {"web.shop.svc.cluster.local", "10.96.0.1"},
      {"db.data.svc.cluster.local", "10.96.0.2"},
      {"WEB.Shop.SVC.cluster.LOCAL", "10.96.0.1"},
      {"web.shop.svc.cluster", nullptr},
      {"web.shop.svc.other.domain", nullptr},
      {"nosuch", nullptr},
      {"nosuch.shop.svc.cluster.local", nullptr},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(a.ask(row.name), row.address == nullptr ? kForwarded : Texts{row.address})
        << row.name;
    EXPECT_EQ(a.alias(row.name), "") << row.name;
  }
}

// Names of three labels without ".svc", and of four with it.
TEST(Resolve, KubernetesNamesOfPartsOfAService) {
  Asker a("shop");
  a.mesh.add(service("shop", "x.web.shop.svc.cluster.local", {"10.96.0.5"}));
  EXPECT_EQ(a.ask("x.web.shop"), Texts{"10.96.0.5"});
  EXPECT_EQ(a.ask("x.web.shop.svc"), Texts{"10.96.0.5"});
  EXPECT_EQ(a.ask("x.web"), Texts{"10.96.0.5"}) << "two labels, completed by the own namespace";
}

TEST(Resolve, OtherClusterDomain) {
  Asker a("shop");
  a.settings.cluster_domain = "k8s.test";
  a.mesh.add(service("shop", "web.shop.svc.k8s.test", {"10.96.0.1"}));
  a.mesh.add(kube("shop", "old", {"10.96.0.2"}));
  EXPECT_EQ(a.ask("web"), Texts{"10.96.0.1"});
  EXPECT_EQ(a.ask("old"), kForwarded);
  EXPECT_EQ(a.ask("old.shop.svc.cluster.local"), Texts{"10.96.0.2"});
}

TEST(Resolve, SearchDomainsAreStrippedWithAnAlias) {
  Asker a("shop");
  a.mesh.add(service("ext", "api.example.com", {"240.240.0.1"}));
  a.mesh.add(kube("shop", "web", {"10.96.0.1"}));
  const struct {
    const char* name;
    const char* alias;
    const char* address;
  } rows[] = {
      {"api.example.com", "", "240.240.0.1"},
      {"api.example.com.shop.svc.cluster.local", "api.example.com", "240.240.0.1"},
      {"api.example.com.svc.cluster.local", "api.example.com", "240.240.0.1"},
      {"api.example.com.cluster.local", "api.example.com", "240.240.0.1"},
      {"API.example.com.Cluster.local", "api.example.com", "240.240.0.1"},
      {"web.shop.shop.svc.cluster.local", "web.shop", "10.96.0.1"},
      {"web.shop.svc.shop.svc.cluster.local", "web.shop.svc", "10.96.0.1"},
      {"web.shop.svc.cluster.local.shop.svc.cluster.local", "web.shop.svc.cluster.local",
       "10.96.0.1"},
      {"web.svc.cluster.local", "web", "10.96.0.1"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(a.ask(row.name), Texts{row.address}) << row.name;
    EXPECT_EQ(a.alias(row.name), row.alias) << row.name;
  }
  EXPECT_EQ(a.ask("api.example.com.data.svc.cluster.local"), kForwarded)
      << "another namespace's search domain";
  EXPECT_EQ(a.ask("api.example.comcluster.local"), kForwarded) << "no border of labels";
}

TEST(Resolve, WildcardsMostSpecificFirstAndWithoutAlias) {
  Asker a("shop");
  a.mesh.add(service("ext", "*.example.com", {"240.240.0.1"}));
  a.mesh.add(service("ext", "*.deep.example.com", {"240.240.0.2"}));
  a.mesh.add(service("ext", "www.example.com", {"240.240.0.3"}));
  const struct {
    const char* name;
    const char* address;
  } rows[] = {
      {"a.example.com", "240.240.0.1"},
      {"a.b.c.example.com", "240.240.0.1"},
      {"a.deep.example.com", "240.240.0.2"},
      {"deep.example.com", "240.240.0.1"},
      {"www.example.com", "240.240.0.3"},
      {"*.example.com", "240.240.0.1"},
      {"example.com", nullptr},
      {"a.example.com.shop.svc.cluster.local", "240.240.0.1"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(a.ask(row.name), row.address == nullptr ? kForwarded : Texts{row.address})
        << row.name;
    EXPECT_EQ(a.alias(row.name), "") << row.name;
  }
}

TEST(Resolve, WildcardsOfTheNameComeBeforeItsExpansions) {
  Asker a("shop");
  a.mesh.add(kube("test", "clash", {"10.96.0.1"}));
  EXPECT_EQ(a.ask("clash.test"), Texts{"10.96.0.1"});
  a.mesh.add(service("ext", "*.test", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("clash.test"), Texts{"240.240.0.1"});
  a.mesh.add(service("ext", "clash.test", {"240.240.0.2"}));
  EXPECT_EQ(a.ask("clash.test"), Texts{"240.240.0.2"});
}

TEST(Resolve, AWildcardOverAllServicesSwallowsUnknownNames) {
  Asker a("shop");
  a.mesh.add(kube("shop", "web", {"10.96.0.1"}));
  a.mesh.add(service("ext", "*.svc.cluster.local", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("nosuch"), Texts{"240.240.0.1"});
  EXPECT_EQ(a.ask("nosuch.shop"), Texts{"240.240.0.1"});
  EXPECT_EQ(a.ask("web"), Texts{"10.96.0.1"});
}

TEST(Resolve, AWildcardWithoutAddressFallsToTheNextWiderOne) {
  Asker a("shop");
  a.mesh.add(service("ext", "*.deep.example.com", {}));
  a.mesh.add(service("ext", "*.example.com", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("a.deep.example.com"), Texts{"240.240.0.1"});
}

TEST(Resolve, ServicesWithoutAddressOutsideOfKubernetesAreForwarded) {
  Asker a("shop");
  state::Service ranged = service("ext", "range.example.com", {});
  ranged.cidr_vips = {state::test::range("10.0.0.0/8")};
  a.mesh.add(service("ext", "none.example.com", {}));
  a.mesh.add(ranged);
  EXPECT_EQ(a.ask("none.example.com"), kForwarded);
  EXPECT_EQ(a.ask("range.example.com"), kForwarded);
}

TEST(Resolve, InvisibleServicesAreNotThere) {
  Asker a("shop");
  state::Service hidden = service("ext", "api.example.com", {"240.240.0.1"});
  hidden.visibility = Visibility::namespace_;
  a.mesh.add(hidden);
  EXPECT_EQ(a.ask("api.example.com"), kForwarded);
  a.client = state::test::pod("ext", "client", {});
  EXPECT_EQ(a.ask("api.example.com"), Texts{"240.240.0.1"});
}

TEST(Resolve, OwnNamespaceThenCanonicalThenPreferredThenAny) {
  Asker a("z");
  const auto shared = [](std::string_view ns, std::string_view vip, bool canonical = false) {
    state::Service s = service(ns, "x.example", {vip});
    s.canonical = canonical;
    return s;
  };
  a.mesh.add(shared("a", "10.0.0.1"));
  a.mesh.add(shared("b", "10.0.0.2"));
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.1"});
  a.settings.preferred_namespace = Name("b");
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.2"});
  a.mesh.add(shared("c", "10.0.0.3", true));
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.3"});
  a.mesh.add(shared("d", "10.0.0.4", true));
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.4"}) << "the last canonical one";
  a.mesh.add(shared("z", "10.0.0.5"));
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.5"});
  state::Service own = shared("z", "10.0.0.5");
  own.vips.clear();
  a.mesh.add(own);
  EXPECT_EQ(a.ask("x.example"), Texts{"10.0.0.4"}) << "dropped before the choice";
}

TEST(Resolve, AddressesOfTheClientsNetworkOnce) {
  Asker a("shop");
  a.client.network = Name("n1");
  state::Service s = kube("shop", "web", {});
  s.vips = {state::test::vip("10.96.0.1", "n1"), state::test::vip("10.96.0.2", "n2"),
            state::test::vip("10.96.0.1", "n1"), state::test::vip("2001:2::1", "n1")};
  a.mesh.add(s);
  EXPECT_EQ(a.ask("web"), Texts{"10.96.0.1"});
  EXPECT_EQ(a.ask("web", kTypeAaaa), Texts{"2001:2::1"});
  a.client.network = Name("n3");
  EXPECT_EQ(a.ask("web"), kNoRecords);
}

TEST(Resolve, FamiliesThatAreNotThereAreNoErrorAndEmpty) {
  Asker a("shop");
  state::Service s = kube("shop", "web", {"10.96.0.1", "2001:2::1"});
  a.mesh.add(s);
  EXPECT_EQ(a.ask("web", kTypeAaaa), Texts{"2001:2::1"});
  s.ip_families = state::IpFamilies::ipv4_only;
  a.mesh.add(s);
  EXPECT_EQ(a.ask("web", kTypeAaaa), kUnsupported);
  EXPECT_EQ(a.ask("web"), Texts{"10.96.0.1"});
  s.ip_families = state::IpFamilies::ipv6_only;
  a.mesh.add(s);
  EXPECT_EQ(a.ask("web"), kUnsupported);
  s.ip_families = state::IpFamilies::dual;
  a.mesh.add(s);
  a.settings.ipv6 = false;
  EXPECT_EQ(a.ask("web", kTypeAaaa), kUnsupported);
  a.mesh.add(kube("shop", "four", {"10.96.0.4"}));
  a.settings.ipv6 = true;
  EXPECT_EQ(a.ask("four", kTypeAaaa), kNoRecords);
  for (const char* name : {"web", "four", "four.shop.shop.svc.cluster.local"}) {
    const Resolution result = a.resolve(name, kTypeAaaa);
    EXPECT_EQ(result.records.rcode, Rcode::no_error);
    EXPECT_EQ(result.records.owner, "") << "no alias that leads to nothing";
    EXPECT_NE(result.found, nullptr);
  }
}

TEST(Resolve, OtherTypesAreForwarded) {
  Asker a("shop");
  a.mesh.add(kube("shop", "web", {"10.96.0.1"}));
  for (const std::uint16_t type :
       std::array<std::uint16_t, 10>{2, 5, 6, 15, 16, 33, 64, 65, 255, 65280})
    EXPECT_EQ(a.ask("web", type), kForwarded) << type;
  EXPECT_EQ(a.ask("4.3.2.1.in-addr.arpa", kTypePtr), kForwarded);
  EXPECT_EQ(a.ask(""), kForwarded) << "the root";
}

TEST(Resolve, HostnamesAreNormalised) {
  Asker a("shop");
  a.mesh.add(service("ext", "Api.Example.COM.", {"240.240.0.1"}));
  a.mesh.add(service("ext", "*.Wild.test.", {"240.240.0.2"}));
  EXPECT_EQ(a.ask("api.example.com"), Texts{"240.240.0.1"});
  EXPECT_EQ(a.ask("x.wild.test"), Texts{"240.240.0.2"});
  EXPECT_EQ(a.ask("xn--bcher-kva.wild.test"), Texts{"240.240.0.2"}) << "punycode";
}

TEST(Resolve, ABorderOfLabelsIsNeverMistaken) {
  Asker a("shop");
  a.mesh.add(kube("shop", "web", {"10.96.0.1"}));
  a.mesh.add(service("ext", "api.example.com", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("web\\046shop.svc.cluster.local"), kForwarded) << "one label \"web.shop\"";
  EXPECT_EQ(a.ask("web.shop.svc\\046cluster.local"), kForwarded);
  EXPECT_EQ(a.ask("web\\000"), kForwarded);
  EXPECT_EQ(a.ask("web\\000.shop.svc.cluster.local"), kForwarded);
  EXPECT_EQ(a.ask("w\\195\\169b.shop"), kForwarded) << "not ASCII";
  EXPECT_EQ(a.ask("api\\046example.com"), kForwarded);
  EXPECT_EQ(a.ask("api.example.com.shop\\046svc.cluster.local"), kForwarded);
  EXPECT_EQ(a.ask("x\\092.onion\\046"), kForwarded) << "its last label is \"onion.\"";
  const std::string label63(63, 'x');
  a.mesh.add(service("ext", label63 + ".test", {"240.240.0.9"}));
  EXPECT_EQ(a.ask(label63 + ".test"), Texts{"240.240.0.9"});
  const std::string longest = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'y');
  EXPECT_EQ(a.ask(longest), kForwarded);
}

TEST(Resolve, LoopbackNamesNeverLeave) {
  Asker a("shop");
  a.mesh.add(kube("shop", "localhost", {"10.96.0.1"}));
  for (const char* name : {"localhost", "LocalHost", "a.localhost", "a.b.localhost"}) {
    EXPECT_EQ(a.ask(name), Texts{"127.0.0.1"}) << name;
    EXPECT_EQ(a.ask(name, kTypeAaaa), Texts{"::1"}) << name;
    EXPECT_EQ(a.resolve(name, 16).outcome, Outcome::special);
    EXPECT_EQ(a.resolve(name, 16).records.rcode, Rcode::no_error);
  }
  EXPECT_EQ(a.ask("notlocalhost"), kForwarded);
  EXPECT_EQ(a.ask("localhost.example"), kForwarded);
  const std::string v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";
  for (const std::string& name :
       {std::string("1.0.0.127.in-addr.arpa"), std::string("9.8.7.127.IN-ADDR.arpa"), v6}) {
    EXPECT_EQ(a.resolve(name, kTypePtr).records.pointer, "localhost") << name;
    EXPECT_EQ(a.resolve(name, kTypePtr).outcome, Outcome::special) << name;
    EXPECT_EQ(a.resolve(name, 16).outcome, Outcome::special) << name;
  }
  EXPECT_EQ(a.resolve("127.in-addr.arpa", kTypePtr).records.pointer, "");
  EXPECT_EQ(a.resolve("1.0.0.10.in-addr.arpa", kTypePtr).outcome, Outcome::forward);
  EXPECT_EQ(a.resolve("2" + v6.substr(1), kTypePtr).outcome, Outcome::forward);
}

TEST(Resolve, NamesThatExistNowhere) {
  Asker a("shop");
  for (const char* name : {"invalid", "x.invalid", "onion", "abc.ONION", "a\\046b.onion"}) {
    for (const std::uint16_t type : {kTypeA, kTypeAaaa, std::uint16_t{16}}) {
      const Resolution result = a.resolve(name, type);
      EXPECT_EQ(result.outcome, Outcome::special) << name;
      EXPECT_EQ(result.records.rcode, Rcode::nx_domain) << name;
    }
  }
  EXPECT_EQ(a.ask("x.local"), kForwarded);
  EXPECT_EQ(a.ask("xonion"), kForwarded);
  a.mesh.add(service("ext", "made-up.invalid", {"240.240.0.1"}));
  EXPECT_EQ(a.ask("made-up.invalid"), Texts{"240.240.0.1"}) << "the mesh may use it";
}

TEST(Resolve, AddressesComeInRandomOrder) {
  Asker a("shop");
  a.mesh.add(kube("shop", "web", {"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
  std::array<int, 4> first{};
  for (int i = 0; i < 3000; ++i) ++first[a.resolve("web").records.addresses[0].bytes()[3]];
  for (int i = 1; i <= 3; ++i) EXPECT_NEAR(first[static_cast<std::size_t>(i)], 1000, 150);
}

TEST(Resolve, WordsOfTheQueryLog) {
  EXPECT_EQ(to_string(Outcome::success), "success");
  EXPECT_EQ(to_string(Outcome::no_records), "no records");
  EXPECT_EQ(to_string(Outcome::unsupported), "service does not support this record type");
  EXPECT_EQ(to_string(Outcome::forward), "forwarded");
}

}  // namespace
}  // namespace culvert::dns
