// One HBONE connection on one worker: a socket, its record protection and its HTTP/2 session. The
// byte path: one recv() into the worker's buffer, records opened into the worker's plaintext
// buffer, DATA handed to the streams; and back: frames produced by the streams, sealed into the
// worker's output buffer, one send(). The tunnel itself keeps bytes only for a partial record and
// for what a short write left over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "culvert/base/address.hpp"
#include "culvert/h2/events.hpp"
#include "culvert/h2/frame_edge.hpp"
#include "culvert/hbone/context.hpp"
#include "culvert/net/readiness.hpp"
#include "culvert/net/timer.hpp"
#include "culvert/tls/handshake.hpp"

namespace culvert::hbone {

class Tunnel;

// Who keeps a tunnel: the pool on the client side, the pod's inbound side on the server side.
class TunnelOwner {
 public:
  // Server: a request arrived. As h2::SessionEvents::on_request.
  virtual h2::Stream* on_request(Tunnel& tunnel, const h2::Request& request) = 0;
  // The tunnel takes no new streams (GOAWAY, drain); existing ones run on.
  virtual void on_tunnel_draining(Tunnel& tunnel) = 0;
  // The tunnel has ended: all its streams have heard so. `reason` is null for an orderly end, else
  // fit for a log line: a fault of the peer's and what it was told, its silence, its end inside a
  // record or frame or with streams open, the error it gave in GOAWAY, or what cut() was given.
  // Called once, from the worker's queue; the owner destroys the tunnel inside.
  virtual void on_tunnel_closed(Tunnel& tunnel, const Error* reason) = 0;

 protected:
  ~TunnelOwner() = default;
};

// Worker thread only.
class Tunnel final : public net::Watch, public net::TurnEnd, private h2::SessionEvents {
 public:
  // A connection whose handshake is done.
  struct Secured {
    std::unique_ptr<tls::Channel> channel;
    tls::PeerInfo peer;
    std::vector<std::uint8_t> early;  // ciphertext that was read behind the handshake
  };

  // `context` and `owner` outlive the tunnel.
  Tunnel(Context& context, h2::Role role, UniqueFd fd, Secured secured, TunnelOwner& owner);
  ~Tunnel();

  // Registers the descriptor and sends the preface. On error the tunnel is useless: destroy it.
  Result<void> start();

  h2::Session& session() { return session_; }
  const tls::PeerInfo& peer() const { return peer_; }
  // Addresses of the TCP connection, as set by whoever made it.
  SocketAddress local;
  SocketAddress remote;

  // Something may have to be sent: at the end of this turn it is.
  void kick() { context_.worker.at_turn_end(*this); }
  // True while new streams may be opened.
  bool usable() const { return !closed_ && !lingering_ && !session_.going_away(); }
  // How many streams may be open at a time, as far as this side knows: what the peer's SETTINGS
  // say, or fewer once it has refused one.
  std::size_t stream_limit() const {
    return std::min(stream_limit_, session_.peer_max_concurrent_streams());
  }
  // Client: the peer lets us open no stream at all, now or ever again as far as can be known.
  bool takes_none() const { return role_ == h2::Role::client && stream_limit() == 0; }
  // The peer has refused a stream: it takes no more than are open now. One that takes none at all
  // ends, lest a peer that refuses everything has us collect tunnels.
  void learn_stream_limit();
  bool closed() const { return closed_; }
  // Inside a stream's on_close: why the whole tunnel ends, or null when only the stream does.
  const Error* why_lost() const { return ending_ ? why_.get() : nullptr; }
  // Graceful end: GOAWAY, existing streams run on, then the connection closes. A peer that has
  // connected and not asked yet most likely is about to: its server says GOAWAY behind its first
  // request, or after a second without one.
  void shut_down();
  // Ends it all now: streams hear `code`, the peer gets GOAWAY as far as the socket takes it.
  void cut(h2::ErrorCode code, std::optional<Error> reason);

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;

 private:
  h2::Stream* on_request(const h2::Request& request) override;
  void on_goaway(h2::StreamId last_id, h2::ErrorCode code, std::string_view debug) override;
  void on_ping_ack() override;
  void on_settings() override {}

  void receive();
  bool receive_some();
  Result<std::size_t> read_more(MutableBytes room);
  Result<std::size_t> open_records(MutableBytes ciphertext);
  Result<void> digest(Bytes frames);
  Error how_the_peer_ended() const;
  void check_alive();
  // tunnel_output.cpp
  bool flush();
  bool send_pending();
  std::size_t fill();
  void send_now(Bytes sealed);
  // tunnel_end.cpp
  void say_goaway();
  void keep_reason(Error reason);
  void finish();
  void give_up(Error reason);
  void lost(Error reason);
  void linger(h2::ErrorCode code);
  void discard();
  void say_close();
  void end_streams(h2::ErrorCode code);
  void close(h2::ErrorCode code);

  // Fair to the worker's other connections: at most so many reads of a full buffer a turn, and not
  // much longer than this where they hold a great many tiny frames.
  static constexpr int kReadsPerTurn = 4;
  static constexpr auto kShareOfTurn = std::chrono::milliseconds(1);

  Context& context_;
  TunnelOwner& owner_;
  const h2::Role role_;
  UniqueFd fd_;
  std::unique_ptr<tls::Channel> channel_;
  const tls::PeerInfo peer_;
  h2::Session session_;
  h2::FrameEdge edge_;                 // of what the session has received
  std::vector<std::uint8_t> partial_;  // the start of a record; whole ones, too, while behind_
  std::vector<std::uint8_t> unread_;   // frames that have to wait for the next turn
  std::vector<std::uint8_t> unsent_;   // sealed, not yet taken by the socket
  std::size_t unsent_from_ = 0;
  net::Timer alive_;
  TimePoint ping_sent_{};
  TimePoint behind_since_{};    // the turn whose share was used up last
  TimePoint share_until_{};     // of this turn; unset until it matters
  TimePoint heard_at_{};        // when bytes arrived last
  std::unique_ptr<Error> why_;  // the first thing that went wrong
  std::uint32_t stream_limit_ = UINT32_MAX;
  bool readable_ = false;
  bool behind_ = false;      // frames or whole records wait for the next turn
  bool hung_up_ = false;     // FIN or an error is behind the bytes that wait
  bool peer_ended_ = false;  // EOF or close_notify: nothing more will arrive
  bool ping_pending_ = false;
  bool unasked_;            // server: no request has come yet
  bool leaving_ = false;    // shut_down() waits for the first request
  bool ending_ = false;     // streams are being told that the tunnel ends
  bool lingering_ = false;  // ended; only the peer's end is waited for
  bool closed_ = false;
};

}  // namespace culvert::hbone
