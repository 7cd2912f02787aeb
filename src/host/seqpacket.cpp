#include "host/seqpacket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace culvert::host {
namespace {

constexpr std::size_t kMaxPacket = 1024;  // what istio-cni reads into

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return fail(Errc::invalid, "\"" + path + "\" is empty or too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

const sockaddr* raw(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<void> make_directory(const std::string& path) {
  const auto directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (directory.empty() || std::filesystem::exists(directory, error)) return {};
  std::filesystem::create_directories(directory, error);
  if (error) return fail_errno("make " + directory.string(), error.value());
  using std::filesystem::perms;
  std::filesystem::permissions(directory,
                               perms::owner_all | perms::group_read | perms::group_exec |
                                   perms::others_read | perms::others_exec,
                               error);
  if (error) return fail_errno("set the mode of " + directory.string(), error.value());
  return {};
}

// Removes the socket of a process that is gone.
Result<void> clear_stale(const std::string& path, int type) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(path, errno);
  }
  if (!S_ISSOCK(info.st_mode))
    return fail(Errc::invalid, path + " exists and is not a socket: remove it or use another path");
  const auto answered = connect_local(path, type);
  if (answered || answered.error().code != Errc::refused)
    return fail(Errc::invalid, "another process listens on " + path);
  if (::unlink(path.c_str()) != 0) return fail_errno("remove the stale " + path, errno);
  return {};
}

}  // namespace

Result<UniqueFd> listen_local(const std::string& path, int type) {
  const auto address = address_of(path);
  if (!address) return address.error();
  if (auto made = make_directory(path); !made) return made.error();
  if (auto cleared = clear_stale(path, type); !cleared) return cleared.error();
  UniqueFd listener(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return fail_errno("make a local socket", errno);
  // Before bind(): the file then never exists with more than this.
  if (::fchmod(listener.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(listener.get(), raw(*address), sizeof(*address)) != 0 ||
      ::listen(listener.get(), 16) != 0)
    return fail_errno("listen on " + path, errno);
  return listener;
}

Result<UniqueFd> connect_local(const std::string& path, int type) {
  const auto address = address_of(path);
  if (!address) return address.error();
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("make a local socket", errno);
  if (::connect(socket.get(), raw(*address), sizeof(*address)) == 0) return socket;
  if (const int error = errno; error == ENOENT)
    return fail(Errc::not_found, "there is no " + path);
  else if (error == EPROTOTYPE)
    return fail(Errc::invalid, path + " is another kind of socket");
  else
    return fail_errno("connect to " + path, error);
}

Result<void> send_packet(int socket, std::string_view packet, int passed) {
  iovec part{const_cast<char*>(packet.data()), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof(int));
  }
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) return fail_errno("send", errno);
  return {};
}

Result<std::string> receive_packet(int socket, std::chrono::milliseconds limit) {
  pollfd waiting{socket, POLLIN, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(limit.count()));
  if (ready == 0) return fail(Errc::timed_out, "no packet in time");
  if (ready < 0) return fail_errno("poll", errno);
  std::string packet(kMaxPacket, '\0');
  const auto length = ::recv(socket, packet.data(), packet.size(), MSG_TRUNC | MSG_DONTWAIT);
  if (length < 0) return fail_errno("receive", errno);
  if (length == 0) return fail(Errc::closed, "the other end has gone");
  if (static_cast<std::size_t>(length) > packet.size())
    return fail(Errc::protocol, "a packet of more than 1024 bytes");
  packet.resize(static_cast<std::size_t>(length));
  return packet;
}

}  // namespace culvert::host
