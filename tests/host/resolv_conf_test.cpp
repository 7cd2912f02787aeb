// Whom the programs of a namespace ask: the file that they read, and whether they can ask at all.
#include "host/resolv_conf.hpp"

#include "host/sandbox.hpp"
#include "host/temporary.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace culvert::host::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

TEST(ResolvConf, NamesTheFirstThreeServersInOrder) {
  EXPECT_THAT(asked_by_libc("# nameserver 198.18.0.9\n"
                            "search example.org\n"
                            "nameserver 198.18.0.1 # first\n"
                            "\tnameserver\t2001:2::2\n"
                            "nameserver 198.18.0.3\n"
                            "nameserver 198.18.0.4\n"),
              ElementsAre(ip("198.18.0.1"), ip("2001:2::2"), ip("198.18.0.3")));
}

TEST(ResolvConf, PassesOverWhatIsNoAddress) {
  EXPECT_THAT(asked_by_libc("nameserver\nnameserver dns.example\nnameserver fe80::1%eth0\n"
                            "nameserver 198.18.0.1:5353\nnameservers 198.18.0.2\n"
                            "options ndots:5\n\n;\nnameserver 198.18.0.5"),
              ElementsAre(ip("198.18.0.5")));
  EXPECT_THAT(asked_by_libc(std::string("\0\xff\n", 3)), IsEmpty());
}

class ResolvConfOf : public AsRoot {
 protected:
  // What `ip netns exec NAME` reads, gone with the test.
  struct OfName {
    explicit OfName(const std::string& name) : directory("/etc/netns/" + name) {
      std::filesystem::create_directories(directory);
    }
    ~OfName() { std::filesystem::remove_all(directory); }
    OfName(const OfName&) = delete;
    OfName& operator=(const OfName&) = delete;
    void write(const std::string& text) const { std::ofstream(directory + "/resolv.conf") << text; }
    const std::string directory;
  };

  Sandbox box_;
  Netns netns_ = *Netns::open(box_.ref());
  const std::string name_ = "culvert-test-" + std::to_string(::getpid());
  const NetnsRef by_name_{NetnsRef::Kind::name, name_};
};

TEST_F(ResolvConfOf, ANameIsThatOfIpNetns) {
  const OfName file(name_);
  file.write("nameserver 198.18.0.7\n");
  const auto conf = resolv_conf_of(by_name_, netns_);
  EXPECT_EQ(conf.path, "/etc/netns/" + name_ + "/resolv.conf");
  EXPECT_FALSE(conf.nodes);
  EXPECT_THAT(conf.nameservers, ElementsAre(ip("198.18.0.7")));
}

// A pipe would never end, and a device may do anything.
TEST_F(ResolvConfOf, ReadsOrdinaryFilesOnly) {
  const OfName file(name_);
  ASSERT_EQ(::mkfifo((file.directory + "/resolv.conf").c_str(), 0600), 0);
  EXPECT_TRUE(resolv_conf_of(by_name_, netns_).nodes);
}

TEST_F(ResolvConfOf, WithoutAFileOfItsOwnItIsTheNodes) {
  const auto conf = resolv_conf_of(box_.ref(), netns_);
  EXPECT_EQ(conf.path, "/etc/resolv.conf");
  EXPECT_TRUE(conf.nodes);
  const Inhabitant same_files(box_);
  EXPECT_TRUE(resolv_conf_of(box_.ref(), netns_).nodes);
}

// As in a container. A link in there means a file in there.
TEST_F(ResolvConfOf, AProcessHasTheFileOfItsOwnRoot) {
  const TemporaryDirectory etc;
  std::ofstream(etc / "its-own.conf") << "nameserver 2001:2::7\n";
  std::filesystem::create_symlink("/etc/its-own.conf", etc / "resolv.conf");
  const Inhabitant inside(box_, etc / "");
  const auto conf = resolv_conf_of(inside.ref(), netns_);
  EXPECT_FALSE(conf.nodes);
  EXPECT_THAT(conf.nameservers, ElementsAre(ip("2001:2::7")));
  EXPECT_THAT(resolv_conf_of(box_.ref(), netns_).nameservers, ElementsAre(ip("2001:2::7")));
}

TEST_F(ResolvConfOf, ServersThatNobodyAsksAreSaid) {
  const Sandbox peer;
  join(peer, box_);
  const auto said = [&](std::vector<IpAddress> servers) {
    return unasked_servers(by_name_, box_.fd(), {"/etc/resolv.conf", true, std::move(servers)});
  };
  EXPECT_EQ(said({ip("198.18.7.1")}), "");
  EXPECT_EQ(said({ip("127.0.0.1"), ip("2001:2:0:7::1")}), "");
  EXPECT_THAT(said({ip("127.0.0.53")}), HasSubstr("127.0.0.53, and what stays on loopback"));
  EXPECT_THAT(said({ip("198.18.99.1"), ip("127.0.0.1")}),
              HasSubstr("no route leads from there to 198.18.99.1"));
  EXPECT_THAT(said({}), HasSubstr("/etc/netns/" + name_ + "/resolv.conf"));
}

}  // namespace
}  // namespace culvert::host::testing
