#include "host/sandbox.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <thread>

namespace culvert::host::testing {
namespace {

// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h; both clash with netinet/in.h.
constexpr int kOriginalDestination = 80;

Result<void> run_here(const std::string& command, std::string& output) {
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
  if (pipe == nullptr) return fail_errno("popen", errno);
  std::array<char, 4096> part{};
  while (const auto n = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), n);
  if (::pclose(pipe) != 0) return fail(Errc::io, command + ": " + output);
  return {};
}

void set_timeouts(int fd) {
  const timeval limit{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

}  // namespace

Sandbox::Sandbox(bool loopback_up) {
  std::thread maker([this] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    fd_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  });
  maker.join();
  EXPECT_GE(fd_.get(), 0) << "unshare(CLONE_NEWNET) failed";
  if (loopback_up) run("ip link set lo up");
}

std::string Sandbox::run(const std::string& command) const {
  std::string output;
  const auto ran = run_in_netns(fd(), [&] { return run_here(command, output); });
  EXPECT_TRUE(ran.has_value()) << (ran ? "" : ran.error().detail);
  return output;
}

Mounted::Mounted(const Sandbox& box, std::string path) : path_(std::move(path)) {
  const UniqueFd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_EQ(::mount(box.path().c_str(), path_.c_str(), nullptr, MS_BIND, nullptr), 0);
}

Mounted::~Mounted() {
  EXPECT_EQ(::umount2(path_.c_str(), MNT_DETACH), 0);
  ::unlink(path_.c_str());
}

namespace {

bool mount_over_etc(const std::string& directory) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(directory.c_str(), "/etc", nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

Inhabitant::Inhabitant(const Sandbox& box, const std::string& etc) {
  // Closed by the program that takes the copy's place, for which we wait: a mere copy of the test
  // holds the agent's lock.
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd started(ends[0]);
  UniqueFd held(ends[1]);
  EXPECT_TRUE(run_in_netns(box.fd(), [this, &etc]() -> Result<void> {
    pid_ = ::fork();
    if (pid_ == 0) {
      if (!etc.empty() && !mount_over_etc(etc)) ::_exit(126);
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
    return {};
  }));
  held.reset();
  char nothing = 0;
  EXPECT_EQ(::read(started.get(), &nothing, 1), 0);
}

void Inhabitant::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void join(const Sandbox& a, const Sandbox& b) {
  a.run("ip link add eth0 type veth peer name eth0 netns " + b.path());
  const auto set_up = [](const Sandbox& box, const std::string& last) {
    box.run("ip addr add 198.18.7." + last + "/24 dev eth0 && ip -6 addr add 2001:2:0:7::" + last +
            "/64 dev eth0 nodad && ip link set eth0 up");
  };
  set_up(a, "1");
  set_up(b, "2");
}

UniqueFd listen_in(const Sandbox& where, std::uint16_t port) {
  UniqueFd fd;
  const auto made = run_in_netns(where.fd(), [&]() -> Result<void> {
    fd.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const int off = 0;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0 ||
        ::listen(fd.get(), 16) != 0)
      return fail_errno("listen", errno);
    return {};
  });
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().detail);
  return fd;
}

UniqueFd connect_in(const Sandbox& where, const SocketAddress& to, int mark) {
  UniqueFd fd;
  const auto made = run_in_netns(where.fd(), [&]() -> Result<void> {
    sockaddr_storage native{};
    const auto length = to.to_native(native);
    fd.reset(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_timeouts(fd.get());
    if (mark != 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&native), length) != 0) fd.reset();
    return {};
  });
  EXPECT_TRUE(made.has_value());
  return fd;
}

UniqueFd bind_udp_in(const Sandbox& where, const SocketAddress& at, int mark) {
  UniqueFd fd;
  const auto made = run_in_netns(where.fd(), [&]() -> Result<void> {
    sockaddr_storage native{};
    const auto length = at.to_native(native);
    fd.reset(::socket(native.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    set_timeouts(fd.get());
    if (mark != 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&native), length) != 0) fd.reset();
    return {};
  });
  EXPECT_TRUE(made.has_value());
  return fd;
}

UniqueFd accept_from(const UniqueFd& listener) {
  pollfd waiting{listener.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 2000) != 1) return UniqueFd();
  UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (accepted) set_timeouts(accepted.get());
  return accepted;
}

SocketAddress peer_of(const UniqueFd& socket) {
  sockaddr_storage native{};
  socklen_t length = sizeof(native);
  ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&native), &length);
  const auto peer = SocketAddress::from_native(reinterpret_cast<sockaddr*>(&native), length);
  return peer ? *peer : SocketAddress{};
}

SocketAddress original_destination(const UniqueFd& socket) {
  sockaddr_storage native{};
  socklen_t length = sizeof(native);
  if (::getsockopt(socket.get(), SOL_IP, kOriginalDestination, &native, &length) != 0) {
    length = sizeof(native);
    if (::getsockopt(socket.get(), SOL_IPV6, kOriginalDestination, &native, &length) != 0)
      return {};
  }
  const auto found = SocketAddress::from_native(reinterpret_cast<sockaddr*>(&native), length);
  return found ? *found : SocketAddress{};
}

SocketAddress addr(const std::string& text) { return SocketAddress::parse(text).value(); }

}  // namespace culvert::host::testing
