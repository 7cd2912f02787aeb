#include "host/netns_search.hpp"

#include "host/sandbox.hpp"
#include "host/temporary.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

namespace culvert::host::testing {
namespace {

using ::testing::ElementsAre;

TEST(MountsOf, ReadsTheKernelsTable) {
  const NetnsId id{makedev(0, 4), 4026532345};
  EXPECT_THAT(mounts_of(id,
                        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                        "90 22 0:4 net:[4026532345] /run/netns/web rw shared:5 - nsfs nsfs rw\n"
                        "91 22 0:4 net:[4026532346] /run/netns/other rw shared:6 - nsfs nsfs rw\n"
                        "92 22 0:5 net:[4026532345] /run/netns/foreign rw shared:7 - nsfs nsfs rw\n"
                        "93 22 0:4 net:[4026532345] /a\\040b\\134c\\ rw - nsfs nsfs rw\n"
                        "junk\n"),
              ElementsAre("/run/netns/web", "/a b\\c\\"));
}

class NetnsSearch : public AsRoot {
 protected:
  // As it is written when `box` is enrolled by a path that leads nowhere by now.
  static Enrolment of(const Sandbox& box) {
    return {{"uid-1", "web-0", "shop", "web"},
            {NetnsRef::Kind::path, "/run/netns/culvert-test-gone"},
            *netns_id(box.fd()),
            {},
            *netns_incarnation(box.fd())};
  }
  TemporaryDirectory directory_;
};

TEST_F(NetnsSearch, KnowsWhenNothingLeadsThere) {
  const Sandbox box;
  const auto held = *Netns::open(box.ref());
  EXPECT_FALSE(find_again(of(box)));
  const auto reachable = is_reachable(of(box), held);
  ASSERT_TRUE(reachable) << reachable.error().detail;
  EXPECT_FALSE(*reachable);
}

TEST_F(NetnsSearch, FollowsAMount) {
  const Sandbox box;
  const auto held = *Netns::open(box.ref());
  const Mounted mount(box, directory_ / "a name");
  const auto found = find_again(of(box));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->netns.id(), held.id());
  EXPECT_EQ(found->ref.value, directory_ / "a name");
  EXPECT_TRUE(*is_reachable(of(box), held));
}

TEST_F(NetnsSearch, FollowsAProcess) {
  const Sandbox box;
  const auto held = *Netns::open(box.ref());
  const Inhabitant inside(box);
  const auto found = find_again(of(box));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->ref.value, inside.ref().value);
  EXPECT_TRUE(*is_reachable(of(box), held));
}

// Running out of descriptors is no news of the namespace.
TEST_F(NetnsSearch, DoesNotTakeItsOwnTroubleForAnAnswer) {
  const Sandbox box;
  const auto enrolment = of(box);
  const auto held = *Netns::open(box.ref());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit full = before;
  full.rlim_cur = static_cast<rlim_t>(next.get());
  next.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  const auto reachable = is_reachable(enrolment, held);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(reachable);
}

TEST_F(NetnsSearch, ANumberAloneIsNotEnough) {
  const Sandbox box;
  const Mounted mount(box, directory_ / "web");
  auto enrolment = of(box);
  EXPECT_TRUE(find_again(enrolment));
  enrolment.incarnation += "0";
  EXPECT_FALSE(find_again(enrolment));
}

}  // namespace
}  // namespace culvert::host::testing
