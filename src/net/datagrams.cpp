#include "culvert/net/datagrams.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "culvert/base/log.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::net {

namespace {

const log::Target kLog("net::datagrams");

// So many wait for the end of a turn; then they go out at once.
constexpr std::size_t kMostAnswers = 64;
// Of what waits in a socket's buffer when it leaves its group: more than any buffer holds.
constexpr int kLastBatches = 256;

static_assert(Datagrams::kBatch * Datagrams::kLongest <= Scratch::kInput);

union Control {
  std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;  // the larger of the two
  cmsghdr aligned;
};

// What one recvmmsg() or sendmmsg() is told.
template <std::size_t kCount>
struct Slots {
  std::array<mmsghdr, kCount> headers{};
  std::array<iovec, kCount> buffers{};
  std::array<sockaddr_storage, kCount> peers;
  std::array<Control, kCount> controls;

  void set(std::size_t i, void* bytes, std::size_t size, socklen_t peer_length) {
    buffers[i] = {bytes, size};
    msghdr& header = headers[i].msg_hdr;
    header.msg_name = &peers[i];
    header.msg_namelen = peer_length;
    header.msg_iov = &buffers[i];
    header.msg_iovlen = 1;
  }
};

template <class Info>
std::optional<Info> control_of(msghdr& header, int level, int type) {
  for (auto* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
    if (one->cmsg_level != level || one->cmsg_type != type) continue;
    Info info;
    std::memcpy(&info, CMSG_DATA(one), sizeof info);
    return info;
  }
  return std::nullopt;
}

IpAddress address_of(const void* raw, std::size_t size) {
  return *IpAddress::from_bytes({static_cast<const std::uint8_t*>(raw), size});
}

// The address that a datagram came to, where the socket was told to say so.
std::optional<IpAddress> destination_of(msghdr& header) {
  if (const auto v4 = control_of<in_pktinfo>(header, IPPROTO_IP, IP_PKTINFO))
    return address_of(&v4->ipi_addr, 4);
  if (const auto v6 = control_of<in6_pktinfo>(header, IPPROTO_IPV6, IPV6_PKTINFO))
    return address_of(&v6->ipi6_addr, 16);
  return std::nullopt;
}

template <class Info>
void put_control(msghdr& header, Control& control, int level, int type, const Info& info) {
  header.msg_control = &control;
  header.msg_controllen = CMSG_SPACE(sizeof info);
  auto* one = CMSG_FIRSTHDR(&header);
  one->cmsg_level = level;
  one->cmsg_type = type;
  one->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(one), &info, sizeof info);
}

void put_source(msghdr& header, Control& control, const IpAddress& own, int family) {
  sockaddr_storage native;
  SocketAddress{own, 0}.to_native(native, family);
  if (family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(&native)->sin_addr;
    put_control(header, control, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = reinterpret_cast<const sockaddr_in6*>(&native)->sin6_addr;
    put_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

int family_of(int fd) {
  int family = AF_INET;
  socklen_t length = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);  // cannot fail for a socket
  return family;
}

}  // namespace

Datagrams::Datagrams(Worker& worker, UniqueFd fd, DatagramOwner& owner)
    : worker_(worker), fd_(std::move(fd)), owner_(owner), family_(family_of(fd_.get())) {}

Datagrams::~Datagrams() {
  flush();
  worker_.readiness().remove_closing(*this);
}

Result<void> Datagrams::start() { return worker_.readiness().add(fd_.get(), *this); }

void Datagrams::on_ready(std::uint32_t) {
  if (!receiving_) return;
  readable_ = true;
  worker_.at_turn_end(*this);
}

void Datagrams::on_turn_end() {
  if (readable_) readable_ = read_batch();
  flush();
  if (readable_) worker_.at_turn_end(*this);  // its share of this turn is used up
}

// Returns whether more may wait.
bool Datagrams::read_batch() {
  const auto input = worker_.scratch().input();
  Slots<kBatch> slots;
  for (std::size_t i = 0; i < kBatch; ++i) {
    slots.set(i, input.data() + i * kLongest, kLongest, sizeof slots.peers[i]);
    slots.headers[i].msg_hdr.msg_control = &slots.controls[i];
    slots.headers[i].msg_hdr.msg_controllen = sizeof slots.controls[i];
  }
  const int n = ::recvmmsg(fd_.get(), slots.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  // An error is that of an earlier answer (nobody listened): it is told once, then it is gone.
  if (n < 0) return errno != EAGAIN;
  const auto count = static_cast<std::size_t>(n);
  reading_ = true;
  for (std::size_t i = 0; i < count; ++i) {
    msghdr& header = slots.headers[i].msg_hdr;
    const auto* native = reinterpret_cast<const sockaddr*>(&slots.peers[i]);
    const auto peer = SocketAddress::from_native(native, header.msg_namelen);
    if (!peer) continue;
    const Bytes bytes(input.data() + i * kLongest, slots.headers[i].msg_len);
    owner_.on_datagram(*this, bytes, {*peer, destination_of(header)});
  }
  owner_.on_datagrams_read();
  reading_ = false;
  return count == kBatch;
}

void Datagrams::answer(const ReturnPath& to, std::vector<std::uint8_t> datagram) {
  answers_.push_back({to, std::move(datagram)});
  if (answers_.size() >= kMostAnswers) {
    flush();
  } else if (!reading_) {  // who reads flushes
    worker_.at_turn_end(*this);
  }
}

void Datagrams::flush() {
  for (std::size_t sent = 0; sent < answers_.size();) {
    const auto n = send(sent);
    if (n == 0) ++dropped_;  // the first of them; the rest may still go
    sent += std::max<std::size_t>(n, 1);
  }
  answers_.clear();
}

// Sends the answers from `first` on; returns how many the kernel took.
std::size_t Datagrams::send(std::size_t first) {
  Slots<kMostAnswers> slots;
  const auto count = std::min(answers_.size() - first, kMostAnswers);
  for (std::size_t i = 0; i < count; ++i) {
    Answer& one = answers_[first + i];
    const auto length = one.to.peer.to_native(slots.peers[i], family_);
    slots.set(i, one.bytes.data(), one.bytes.size(), length);
    if (one.to.own) put_source(slots.headers[i].msg_hdr, slots.controls[i], *one.to.own, family_);
  }
  for (;;) {
    const int n = ::sendmmsg(fd_.get(), slots.headers.data(), static_cast<unsigned>(count),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return 0;
  }
}

// A connected socket gets only what its peer sends, and what the kernel spreads over a group of
// sockets (SO_REUSEPORT) goes past it. So it is connected to itself, where nobody else can be.
Result<void> Datagrams::leave_group() {
  const auto own = local_address(fd_.get());
  if (!own) return own.error();
  sockaddr_storage native;
  const auto length = own->to_native(native, family_);
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&native), length) != 0)
    return fail_errno("connect to itself", errno);
  return {};
}

void Datagrams::stop_receiving() {
  if (!receiving_) return;
  if (auto left = leave_group(); !left) {
    log::warn(kLog, "datagrams that come from now on are lost",
              {log::str("error", left.error().detail)});
  }
  for (int i = 0; i < kLastBatches && read_batch(); ++i) flush();
  flush();
  receiving_ = readable_ = false;
}

}  // namespace culvert::net
