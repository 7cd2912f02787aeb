// The agent's end of the ZDS socket, with real descriptors.
#pragma once

#include "control/zds/packet.hpp"
#include "culvert/base/unique_fd.hpp"

#include "proto/zds.pb.h"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace culvert::control::test {

namespace zds = istio::workload::zds;

// The agent's end, driven from the test's own thread.
class Agent {
 public:
  explicit Agent(const std::string& path) {
    ::unlink(path.c_str());
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
  }
  bool waiting() const { return readable(listener_.get()); }
  void accept() { peer_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  void close() { peer_.reset(); }
  bool has_answer() const { return readable(peer_.get()); }
  // What came: "hello", "ack", "nack ...", or "eof".
  std::string answer() {
    std::array<char, kMaxAck> buffer{};
    const auto count = ::recv(peer_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (count <= 0) return "eof";
    EXPECT_LE(static_cast<std::size_t>(count), buffer.size());
    zds::WorkloadResponse response;
    if (!response.ParseFromArray(buffer.data(), static_cast<int>(count)) || !response.has_ack())
      return "hello";
    return response.ack().error().empty() ? "ack" : "nack " + response.ack().error();
  }
  void send(const zds::WorkloadRequest& request, const std::vector<int>& fds = {}) {
    send(request.SerializeAsString(), fds);
  }
  void send(const std::string& bytes, const std::vector<int>& fds = {}) {
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      auto* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
    }
    EXPECT_EQ(::sendmsg(peer_.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

 private:
  static bool readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
  }
  UniqueFd listener_;
  UniqueFd peer_;
};

}  // namespace culvert::control::test
