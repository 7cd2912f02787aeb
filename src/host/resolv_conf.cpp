#include "host/resolv_conf.hpp"

#include "culvert/base/unique_fd.hpp"
#include "culvert/dns/exchange.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace culvert::host {
namespace {

constexpr const char* kNodesFile = "/etc/resolv.conf";
constexpr std::size_t kLimit = 64 * 1024;  // a file of a dozen lines; what is behind is not read
constexpr std::size_t kServers = 3;        // MAXNS of resolv.h
constexpr std::uint16_t kDnsPort = 53;
constexpr auto kPatience = std::chrono::seconds(1);

// A file that was read: what it says, and which it is.
struct Text {
  std::string bytes;
  dev_t device = 0;
  ino_t inode = 0;
};

// Links inside `root` lead to files inside it, and nothing but an ordinary file is read: neither
// pipe nor device can be put in its place.
std::optional<Text> read_inside(const std::string& root, const char* path) {
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return std::nullopt;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(
      static_cast<int>(::syscall(SYS_openat2, directory.get(), path, &how, sizeof(how))));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  Text text{std::string(kLimit, '\0'), info.st_dev, info.st_ino};
  std::size_t filled = 0;
  while (filled < kLimit) {
    const auto got = ::read(file.get(), text.bytes.data() + filled, kLimit - filled);
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.bytes.resize(filled);
  return text;
}

// A pod can mount a file system whose answers never come: then a thread is left waiting, and
// nothing else.
std::optional<Text> read_of_process(pid_t pid) {
  auto result = std::make_shared<std::promise<std::optional<Text>>>();
  auto answer = result->get_future();
  std::thread([result, root = "/proc/" + std::to_string(pid) + "/root"] {
    result->set_value(read_inside(root, kNodesFile));
  }).detach();
  if (answer.wait_for(kPatience) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

std::optional<Text> read_of_namespace(const NetnsRef& ref, const Netns& netns) {
  pid_t pid = 0;
  if (ref.kind == NetnsRef::Kind::pid) {
    std::istringstream(ref.value) >> pid;
  } else {
    const auto found = find_process_in(netns.id());
    if (!found || !*found) return std::nullopt;
    pid = **found;
  }
  return read_of_process(pid);
}

// What `ip netns exec NAME` binds over /etc/resolv.conf (ip-netns(8)).
std::string file_of_name(const std::string& name) { return "/etc/netns/" + name + "/resolv.conf"; }

bool has_route(const IpAddress& server) {
  sockaddr_storage native{};
  const auto length = SocketAddress{server, kDnsPort}.to_native(native);
  const UniqueFd socket(::socket(native.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket && ::connect(socket.get(), reinterpret_cast<sockaddr*>(&native), length) == 0;
}

std::string listed(const std::vector<IpAddress>& servers) {
  std::string text;
  for (const auto& server : servers) text += (text.empty() ? "" : ", ") + server.to_string();
  return text;
}

}  // namespace

std::vector<IpAddress> asked_by_libc(std::string_view resolv_conf) {
  std::vector<IpAddress> servers;
  for (const auto& server : dns::Resolvers::parse(resolv_conf).servers)
    if (server.port == kDnsPort && servers.size() < kServers) servers.push_back(server.ip);
  return servers;
}

ResolvConf resolv_conf_of(const NetnsRef& ref, const Netns& netns) {
  if (ref.kind == NetnsRef::Kind::name) {
    const auto path = file_of_name(ref.value);
    if (const auto text = read_inside("/", path.c_str()))
      return {path, false, asked_by_libc(text->bytes)};
  }
  const auto nodes = read_inside("/", kNodesFile);
  const auto own = read_of_namespace(ref, netns);
  if (own && !(nodes && nodes->device == own->device && nodes->inode == own->inode))
    return {kNodesFile, false, asked_by_libc(own->bytes)};
  return {kNodesFile, true, nodes ? asked_by_libc(nodes->bytes) : std::vector<IpAddress>{}};
}

std::string unasked_servers(const NetnsRef& ref, int netns_fd, const ResolvConf& conf) {
  std::string cure = ref.kind == NetnsRef::Kind::name
                         ? "write one that it has a route to into " + file_of_name(ref.value)
                         : "name one there that it has a route to";
  if (conf.nameservers.empty())
    return conf.path + " names no server that is asked by way of the network: " + cure;
  const auto local = [](const IpAddress& server) { return server.is_loopback(); };
  if (std::all_of(conf.nameservers.begin(), conf.nameservers.end(), local))
    return conf.path + " names " + listed(conf.nameservers) +
           ", and what stays on loopback is not captured: " + cure;
  bool reachable = false;
  const auto looked = run_in_netns(netns_fd, [&]() -> Result<void> {
    reachable = std::any_of(conf.nameservers.begin(), conf.nameservers.end(),
                            [&](const auto& s) { return !local(s) && has_route(s); });
    return {};
  });
  if (!looked || reachable) return {};
  return "no route leads from there to " + listed(conf.nameservers) + " of " + conf.path + ": " +
         cure;
}

}  // namespace culvert::host
