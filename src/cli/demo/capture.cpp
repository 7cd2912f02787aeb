#include "cli/demo/capture.hpp"

#include "culvert/host/netns.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <vector>

namespace culvert::cli::demo {
namespace {

constexpr unsigned kTunnelPort = 15008;

unsigned word(Bytes bytes, std::size_t at) { return unsigned{bytes[at]} << 8 | bytes[at + 1]; }

// The TCP segment of a frame, header included; nothing if it holds none.
std::optional<Bytes> tcp_segment(Bytes frame) {
  if (frame.size() < 14) return std::nullopt;
  const auto type = word(frame, 12);
  auto packet = frame.subspan(14);
  if (type == ETHERTYPE_IP && packet.size() >= 20 && packet[9] == IPPROTO_TCP) {
    const std::size_t header = std::size_t{4} * (packet[0] & 0xfU);
    if (packet.size() >= header) return packet.subspan(header);
  }
  if (type == ETHERTYPE_IPV6 && packet.size() >= 40 && packet[6] == IPPROTO_TCP)
    return packet.subspan(40);
  return std::nullopt;
}

}  // namespace

void look_at(Bytes frame, const Secrets& secrets, Sight& sight) {
  ++sight.frames;
  const auto text = as_text(frame);
  if (text.find(secrets.request) != std::string_view::npos) ++sight.readable_requests;
  if (text.find(secrets.answer) != std::string_view::npos) ++sight.readable_answers;
  const auto segment = tcp_segment(frame);
  if (!segment || segment->size() < 20) return;
  if (word(*segment, 0) != kTunnelPort && word(*segment, 2) != kTunnelPort) return;
  const std::size_t header = std::size_t{4} * ((*segment)[12] >> 4);
  if (segment->size() <= header) return;
  const auto payload = segment->subspan(header);
  sight.tunnel_bytes += payload.size();
  // RFC 8446 section 5.1: type 20 to 23, then the legacy version 3.x.
  if (payload.size() >= 3 && payload[0] >= 20 && payload[0] <= 23 && payload[1] == 3)
    ++sight.tls_records;
}

Result<std::unique_ptr<Capture>> Capture::start(int netns_fd, const std::string& interface,
                                                Secrets secrets) {
  UniqueFd socket;
  const auto opened = host::run_in_netns(netns_fd, [&]() -> Result<void> {
    socket.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    if (!socket) return fail_errno("open a packet socket (needs CAP_NET_RAW)", errno);
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof(where)) != 0)
      return fail_errno("listen on " + interface, errno);
    return {};
  });
  if (!opened) return opened.error();
  return std::make_unique<Capture>(std::move(socket), std::move(secrets));
}

Capture::Capture(UniqueFd socket, Secrets secrets)
    : socket_(std::move(socket)), secrets_(std::move(secrets)), thread_([this] { run(); }) {}

Capture::~Capture() { stop(); }

bool Capture::read_one() {
  static thread_local std::vector<std::uint8_t> buffer(128 * 1024);  // offloads join segments
  const auto length = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (length <= 0) return false;
  look_at(Bytes(buffer).first(static_cast<std::size_t>(length)), secrets_, sight_);
  return true;
}

void Capture::run() {
  while (!stop_.load()) {
    pollfd waiting{socket_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 50);
    while (read_one()) {
    }
  }
  while (read_one()) {
  }
}

Sight Capture::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return sight_;
}

}  // namespace culvert::cli::demo
