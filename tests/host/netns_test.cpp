#include "culvert/host/netns.hpp"

#include "host/sandbox.hpp"

#include <gmock/gmock.h>

namespace culvert::host::testing {
namespace {

using ::testing::HasSubstr;

NetnsRef name(const std::string& value) { return {NetnsRef::Kind::name, value}; }
NetnsRef pid(const std::string& value) { return {NetnsRef::Kind::pid, value}; }
NetnsRef path(const std::string& value) { return {NetnsRef::Kind::path, value}; }

TEST(NetnsRef, TurnsIntoAPath) {
  EXPECT_EQ(name("web").path().value(), "/var/run/netns/web");
  EXPECT_EQ(pid("47").path().value(), "/proc/47/ns/net");
  EXPECT_EQ(path("/x/y").path().value(), "/x/y");
  for (const auto& bad : {name(""), name("a/b"), name(".."), pid(""), pid("12x"), pid("-1"),
                          path(""), path("relative")}) {
    ASSERT_FALSE(bad.path()) << bad.value;
    EXPECT_EQ(bad.path().error().code, Errc::invalid);
  }
}

TEST(Netns, SaysWhatIsMissing) {
  const auto missing = Netns::open(name("no-such-namespace"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().detail, HasSubstr("ip netns list"));
  EXPECT_EQ(Netns::open(pid("999999999")).error().code, Errc::not_found);
}

TEST(Netns, RefusesOtherFilesAndOtherNamespaces) {
  for (const auto* other : {"/dev/null", "/proc/self/ns/mnt", "/proc/self/status"}) {
    const auto opened = Netns::open(path(other));
    ASSERT_FALSE(opened) << other;
    EXPECT_EQ(opened.error().code, Errc::invalid);
  }
}

TEST(Netns, KnowsItsOwn) {
  const auto own = Netns::open(pid(std::to_string(::getpid())));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->id(), Netns::current()->id());
  EXPECT_EQ(refuse_own(*own, false).error().code, Errc::invalid);
  EXPECT_TRUE(refuse_own(*own, true));
  const auto copy = own->duplicate();
  ASSERT_TRUE(copy);
  EXPECT_EQ(netns_id(copy->get()).value(), own->id());
  EXPECT_TRUE(find_process_in(own->id())->has_value());
}

class NetnsRoot : public AsRoot {};

TEST_F(NetnsRoot, TellsNamespacesApartAndRunsInThem) {
  const Sandbox box;
  const auto opened = Netns::open(box.ref());
  ASSERT_TRUE(opened);
  EXPECT_NE(opened->id(), Netns::current()->id());
  EXPECT_TRUE(refuse_own(*opened, false));
  const auto inhabitant = find_process_in(opened->id());
  EXPECT_FALSE(inhabitant && *inhabitant);  // or some process may not be looked at
  NetnsId seen;
  ASSERT_TRUE(run_in_netns(opened->fd(), [&]() -> Result<void> {
    seen = Netns::current()->id();
    return {};
  }));
  EXPECT_EQ(seen, opened->id());
}

}  // namespace
}  // namespace culvert::host::testing
