#include "host/fake_daemon.hpp"

#include "host/seqpacket.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace culvert::host::testing {

namespace wire = istio::workload::zds;

std::string Received::summary() const {
  switch (request.payload_case()) {
    case wire::WorkloadRequest::kAdd:
      return "add " + request.add().uid();
    case wire::WorkloadRequest::kDel:
      return "del " + request.del().uid();
    case wire::WorkloadRequest::kKeep:
      return "keep " + request.keep().uid();
    case wire::WorkloadRequest::kSnapshotSent:
      return "snapshot";
    case wire::WorkloadRequest::PAYLOAD_NOT_SET:
      break;
  }
  return "nothing";
}

FakeDaemon::FakeDaemon(const std::string& path, bool hello) {
  auto connected = connect_local(path, SOCK_SEQPACKET);
  EXPECT_TRUE(connected) << (connected ? "" : connected.error().detail);
  if (connected) fd_ = std::move(*connected);
  if (!hello) return;
  wire::ZdsHello message;
  message.set_version(wire::V1);
  send_raw(message.SerializeAsString());
}

std::optional<Received> FakeDaemon::receive() {
  pollfd waiting{fd_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 5000) != 1) return std::nullopt;
  std::array<char, 1024> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto length = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  if (length <= 0) return std::nullopt;
  Received received;
  for (auto* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    const auto count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
      if (received.descriptors++ == 0)
        received.netns.reset(fd);
      else
        ::close(fd);
    }
  }
  EXPECT_TRUE(received.request.ParseFromArray(bytes.data(), static_cast<int>(length)));
  return received;
}

void FakeDaemon::ack(const std::string& error) {
  wire::WorkloadResponse response;
  response.mutable_ack()->set_error(error);
  send_raw(response.SerializeAsString());
}

std::string FakeDaemon::serve(const std::string& error) {
  const auto received = receive();
  if (!received) return "closed";
  ack(error);
  return received->summary();
}

void FakeDaemon::send_raw(const std::string& packet) {
  EXPECT_TRUE(send_packet(fd_.get(), packet));
}

bool FakeDaemon::closed_by_peer() {
  const auto packet = receive_packet(fd_.get(), std::chrono::seconds(5));
  return !packet && packet.error().code != Errc::timed_out;
}

}  // namespace culvert::host::testing
