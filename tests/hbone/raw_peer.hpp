// The other end of a tunnel, made by hand: its TLS is real, its HTTP/2 is whatever bytes the test
// writes.
#pragma once

#include "hbone/mesh_pair.hpp"

namespace culvert::hbone::testing {

using Octets = std::vector<std::uint8_t>;

inline Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
inline Octets octets(std::string_view text) { return {text.begin(), text.end()}; }

// Frames (RFC 9113 section 6).
enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoaway = 7 };
constexpr std::uint8_t kEndHeaders = 4;

inline Octets number(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Octets frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                    const Octets& payload = {}) {
  auto length = number(static_cast<std::uint32_t>(payload.size()));
  length.erase(length.begin());
  return length + Octets{type, flags} + number(stream) + payload;
}
inline Octets goaway(h2::ErrorCode code, std::string_view debug = {}) {
  return frame(kGoaway, 0, 0, number(0) + number(static_cast<std::uint32_t>(code)) + octets(debug));
}
// A field line without indexing (RFC 7541 section 6.2.2); names and values below 127 bytes.
inline Octets field(std::string_view name, std::string_view value) {
  return Octets{0, static_cast<std::uint8_t>(name.size())} + octets(name) +
         Octets{static_cast<std::uint8_t>(value.size())} + octets(value);
}
inline Octets connect_request(std::uint32_t stream) {
  return frame(kHeaders, kEndHeaders, stream,
               field(":method", "CONNECT") + field(":authority", "10.0.0.9:80"));
}
inline Octets greeting() {
  return octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + frame(kSettings, 0, 0);
}

class RawPeer {
 public:
  struct Frame {
    std::uint8_t type;
    std::uint32_t stream;
    Octets payload;
    // The code of a RST_STREAM or GOAWAY.
    std::uint32_t code() const {
      const auto* const at = payload.data() + (type == kGoaway ? 4 : 0);
      return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
             at[3];
    }
  };

  UniqueFd fd;
  std::unique_ptr<tls::Channel> channel;

  // Plaintext as records, ciphertext of the same, and bytes as they are.
  Octets seal(const Octets& plaintext) {
    Octets sealed(tls::Channel::sealed_size(plaintext.size()));
    auto n = channel->seal(plaintext, sealed);
    EXPECT_TRUE(n.has_value());
    sealed.resize(n ? *n : 0);
    return sealed;
  }
  void send(const Octets& plaintext) { send_raw(seal(plaintext)); }
  void send_raw(const Octets& bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Says close_notify and nothing more.
  void end() {
    Octets out(tls::Channel::kMaxControl);
    out.resize(channel->close(out));
    send_raw(out);
    ::shutdown(fd.get(), SHUT_WR);
  }

  // Reads what is there. The frames of `type` so far.
  std::vector<Frame> received(FrameType type) {
    read();
    std::vector<Frame> found;
    std::size_t at = 0;
    while (at + 9 <= plain_.size()) {
      const std::size_t size =
          std::size_t{plain_[at]} << 16 | std::size_t{plain_[at + 1]} << 8 | plain_[at + 2];
      if (at + 9 + size > plain_.size()) break;
      Frame one{plain_[at + 3], plain_[at + 8], {}};
      const auto begin = plain_.begin() + static_cast<std::ptrdiff_t>(at + 9);
      one.payload.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
      if (one.type == type) found.push_back(std::move(one));
      at += 9 + size;
    }
    return found;
  }
  // The other side's close_notify or alert, as far as read.
  bool closed() const { return closed_; }
  const std::string& alert() const { return alert_; }

 private:
  void read() {
    Octets buffer(1 << 16);
    ssize_t n = 0;
    while ((n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      cipher_.insert(cipher_.end(), buffer.begin(), buffer.begin() + n);
    }
    while (alert_.empty()) {
      auto opened = channel->open(cipher_, buffer);
      if (!opened) {
        alert_ = opened.error().detail;
        return;
      }
      closed_ = closed_ || opened->closed;
      plain_.insert(plain_.end(), buffer.begin(),
                    buffer.begin() + static_cast<std::ptrdiff_t>(opened->produced));
      if (opened->consumed == 0) return;
      cipher_.erase(cipher_.begin(),
                    cipher_.begin() + static_cast<std::ptrdiff_t>(opened->consumed));
    }
  }

  Octets cipher_;
  Octets plain_;
  std::string alert_;
  bool closed_ = false;
};

// Connects to the pair's server as a client would, up to the end of the handshake.
class RawClientTest : public MeshPair {
 protected:
  static net::Async<void> dial_raw(RawClientTest* self) {
    auto fd =
        co_await net::dial(self->worker, {}, self->address, std::nullopt, {}, Clock::now() + 10s);
    auto certificate = self->ca.issue(identity("front"));
    auto context = tls::ClientContext::create(certificate, self->context->settings.tls);
    std::vector<Identity> expected{self->server_identity};
    auto handshake = tls::Handshake::client(**context, std::move(expected));
    net::Stream stream(self->worker, std::move(*fd));
    auto secured = co_await secure(self->worker, stream, **handshake);
    EXPECT_TRUE(secured.has_value());
    self->peer.channel = std::move(secured->channel);
    self->peer.fd = stream.release();
  }

  // A tunnel whose client is `peer`; its server side is server_tunnels.front().
  void open_tunnel() {
    net::spawn(worker, dial_raw(this));
    run_until([&] { return peer.channel != nullptr && !server_tunnels.empty(); });
    peer.send(greeting());
  }
  // With one CONNECT stream whose application is servers.front()->pair.app.
  Side& open_stream() {
    open_tunnel();
    peer.send(connect_request(1));
    run_until([&] { return !peer.received(kHeaders).empty(); });
    return *servers.front();
  }
  // Until the server has ended the tunnel. The peer ends its side when it is told to.
  void run_to_the_end() {
    run_until([&] {
      peer.received(kGoaway);
      if (peer.closed() || !peer.alert().empty()) ::shutdown(peer.fd.get(), SHUT_WR);
      return server_tunnels.empty();
    });
  }
  // Why the tunnel ended, as its owner was told; empty for an orderly end.
  std::string reason() const { return server_failures.empty() ? "" : server_failures.back(); }

  RawPeer peer;
};

}  // namespace culvert::hbone::testing
