// Network namespaces that live as long as a test: anonymous, so that nothing is left behind even
// when the test dies.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/host/netns.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace culvert::host::testing {

// An empty network namespace with lo up.
class Sandbox {
 public:
  explicit Sandbox(bool loopback_up = true);
  int fd() const { return fd_.get(); }
  // A path that opens this namespace, in this process and its children.
  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
  }
  NetnsRef ref() const { return {NetnsRef::Kind::path, path()}; }
  // Runs a shell command inside; its output (both streams). A failure fails the test.
  std::string run(const std::string& command) const;

 private:
  UniqueFd fd_;
};

// A file that leads to a sandbox, as `ip netns add` makes one, for as long as this object lives.
class Mounted {
 public:
  Mounted(const Sandbox& box, std::string path);
  ~Mounted();
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  NetnsRef ref() const { return {NetnsRef::Kind::path, path_}; }

 private:
  const std::string path_;
};

// A process that waits in a sandbox until it is told to end.
class Inhabitant {
 public:
  // With `etc` that directory stands in the place of its /etc, as in a container.
  explicit Inhabitant(const Sandbox& box, const std::string& etc = "");
  ~Inhabitant() { end(); }
  Inhabitant(const Inhabitant&) = delete;
  Inhabitant& operator=(const Inhabitant&) = delete;
  void end();
  NetnsRef ref() const { return {NetnsRef::Kind::pid, std::to_string(pid_)}; }

 private:
  pid_t pid_ = 0;
};

// Joins two namespaces: eth0 in each, 198.18.7.1 and 2001:2:0:7::1 in `a`, .2 and ::2 in `b`.
void join(const Sandbox& a, const Sandbox& b);

// A listening TCP socket made inside `where`, dual-stack on the wildcard address.
UniqueFd listen_in(const Sandbox& where, std::uint16_t port);
// A connection made inside `where`, with SO_MARK if `mark` is not 0. Empty when it fails.
UniqueFd connect_in(const Sandbox& where, const SocketAddress& to, int mark = 0);
// A UDP socket made inside `where`, bound to `at`, with SO_MARK if `mark` is not 0. Empty when it
// fails.
UniqueFd bind_udp_in(const Sandbox& where, const SocketAddress& at, int mark = 0);
// Accepts within two seconds; empty otherwise.
UniqueFd accept_from(const UniqueFd& listener);
SocketAddress peer_of(const UniqueFd& socket);
// SO_ORIGINAL_DST of either family; the default address if there is none.
SocketAddress original_destination(const UniqueFd& socket);

SocketAddress addr(const std::string& text);

// Base of tests that need namespaces of their own. A SetUp() of theirs calls this one first, and
// goes no further if IsSkipped().
template <class Base>
class RootTest : public Base {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes network namespaces of its own";
  }
};
using AsRoot = RootTest<::testing::Test>;

}  // namespace culvert::host::testing
