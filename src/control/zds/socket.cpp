#include "control/zds/socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace culvert::control {
namespace {

// One is allowed; room for more so that surplus ones are seen and closed. What exceeds even this
// the kernel closes, and says MSG_CTRUNC.
constexpr std::size_t kDescriptorRoom = 16;

std::vector<UniqueFd> take_descriptors(msghdr& message) {
  std::vector<UniqueFd> out;
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
  return out;
}

Result<ReceivedNetns> identify(UniqueFd fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("namespace descriptor", errno);
  return ReceivedNetns{std::make_shared<UniqueFd>(std::move(fd)), {status.st_dev, status.st_ino}};
}

Result<std::optional<ZdsPacket>> to_packet(const msghdr& message, std::vector<UniqueFd> fds,
                                           Bytes bytes) {
  if (message.msg_flags & MSG_TRUNC) return fail(Errc::protocol, "packet is too long");
  if (message.msg_flags & MSG_CTRUNC || fds.size() > 1)
    return fail(Errc::protocol, "more than one descriptor");
  if (bytes.empty()) return fail(Errc::closed, "the agent closed the connection");
  ZdsPacket packet{bytes, std::nullopt};
  if (fds.size() == 1) {
    auto netns = identify(std::move(fds.front()));
    if (!netns) return fail(Errc::protocol, netns.error().detail);
    packet.netns = std::move(*netns);
  }
  return std::optional(std::move(packet));
}

}  // namespace

Result<UniqueFd> connect_zds(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return fail(Errc::invalid, "socket path is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EAGAIN) return fail(Errc::unavailable, path + " has a full backlog");
    return fail_errno("connect to " + path, errno);
  }
  return fd;
}

Result<void> send_zds(int fd, std::string_view packet) {
  const auto sent = ::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return fail_errno("send", errno);
  return {};
}

Result<std::optional<ZdsPacket>> receive_zds(int fd, ZdsBuffer& buffer) {
  iovec space{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorRoom * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &space;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno == EAGAIN) return std::optional<ZdsPacket>();
    return fail_errno("receive", errno);
  }
  auto fds = take_descriptors(message);
  return to_packet(message, std::move(fds), Bytes(buffer).first(static_cast<std::size_t>(count)));
}

}  // namespace culvert::control
