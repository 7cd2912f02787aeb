// An HTTP/2 connection without I/O: bytes in, bytes and events out (RFC 9113), for CONNECT tunnels.
// Why alone: this is the only user of nghttp2, and the only place that knows flow control.
//
// One thread. Payload is never copied by the session: received bytes are views of what receive()
// was given, sent bytes are read by the stream straight into the frame.
//
// Flow control: the connection window is credited on receipt, a stream's on consumed(). So bytes of
// a stream that is aborted, or that nobody reads, cannot cost its neighbours anything.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"
#include "culvert/h2/events.hpp"
#include "culvert/h2/types.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace culvert::h2 {

class ColdBlocks;  // memory that costs nothing until it is used; private to this module

// The memory in which next() builds frames: one for each worker thread, shared by all its sessions,
// because only one frame is built at a time; an idle session then holds none. Outlives them. A
// session whose bytes are taken from inside the produce() of another one (a tunnel in a tunnel)
// needs a buffer different from that one's. One thread.
class FrameBuffer {
 public:
  // `max_send_frame` is the largest Settings::max_send_frame among the sessions, bytes.
  explicit FrameBuffer(std::size_t max_send_frame = Settings{}.max_send_frame);
  ~FrameBuffer();
  FrameBuffer(const FrameBuffer&) = delete;
  FrameBuffer& operator=(const FrameBuffer&) = delete;

 private:
  friend class Memory;
  std::unique_ptr<std::uint8_t[]> bytes_;  // untouched pages cost nothing
  std::size_t size_;
  std::unique_ptr<ColdBlocks> cold_;  // what sessions ask for and hardly touch
  bool busy_ = false;  // a next() is running: guards against the nesting described above
};

class Session {
 public:
  // `events` and `buffer` outlive the session. The preface, SETTINGS and the WINDOW_UPDATE of the
  // connection are the first bytes of next().
  Session(Role role, const Settings& settings, SessionEvents& events, FrameBuffer& buffer);
  // Calls on_close(cancel) of every stream still attached.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes `plaintext`, which arrived at `now`, calling events; returns what is left of it. That is
  // nothing, unless it held more than kDataPerReceive DATA frames: however small they are, each is
  // work, and the caller may have others to serve before it calls again with the rest. Errc::h2: a
  // connection error; a GOAWAY that tells the peer is in next(), after which close() or destroy the
  // session. Some errors are known only once their GOAWAY has gone through next(): finished() is
  // true then, failure() says why, and receive() fails from there on. Not from inside events.
  [[nodiscard]] Result<Bytes> receive(Bytes plaintext, TimePoint now);
  static constexpr std::uint32_t kDataPerReceive = 64;

  // The next bytes to send: one frame or several small ones; empty when there is nothing now. Valid
  // until the next call of next() on any session with the same FrameBuffer. Calls produce() and
  // on_close(). Not from inside events.
  Bytes next();

  // False only when next() would return nothing, as far as can be known without asking streams.
  bool wants_write() const;
  // False once nothing that arrives can matter any more.
  bool wants_read() const;
  // Neither wants: close the transport. True after GOAWAY and the last stream, or an error.
  bool finished() const { return !wants_write() && !wants_read(); }

  // Client: opens a tunnel with CONNECT, :authority and `headers` (lower-case names; copied).
  // `stream` is attached at once, and asked to produce() as soon as the request is out (it may say
  // blocked until on_headers). Beyond the peer's limit of streams the request waits inside.
  // Errc::unavailable: the connection takes no new streams (see going_away()); Errc::limit: the
  // header list is beyond 16 KiB. On error `stream` is not attached.
  Result<StreamId> connect(std::string_view authority, std::span<const Header> headers,
                           Stream& stream);
  // Server: answers a request, once. `headers` are copied. With `end_stream` there is no content
  // and the whole stream ends as soon as this is out (the rest of the request is refused with
  // NO_ERROR); otherwise the attached stream is asked to produce(). Unknown ids are ignored.
  void respond(StreamId id, int status, std::span<const Header> headers, bool end_stream);

  // After produce() said blocked: ask again. Harmless at any other time and for unknown ids.
  void resume(StreamId id);
  // `size` bytes of on_data were delivered: opens the stream's window, in steps. Unknown ids are
  // ignored; never more than was received.
  void consumed(StreamId id, std::size_t size);
  // Ends a stream both ways with RST_STREAM. The only event that follows is on_close, from next()
  // or receive(). Unknown ids are ignored.
  void reset(StreamId id, ErrorCode code);
  // Sends PING; on_ping_ack follows. At most one is outstanding: a second call is ignored.
  void ping();

  // Graceful end: GOAWAY with 2^31-1, a PING, and on its answer the final GOAWAY; streams that the
  // peer opens after that are refused, existing ones run on. finished() when the last has ended.
  void shut_down();
  // Final GOAWAY now: new streams are refused, existing ones run on. For an abrupt end send what
  // next() gives, then close().
  void go_away(ErrorCode code);
  // Ends everything here and now: on_close(code) for each attached stream; nothing is sent and
  // nothing received after it. Not from inside events.
  void close(ErrorCode code);

  // Streams attached now, including requests that wait for the peer's limit.
  std::size_t active_streams() const;
  // The peer's SETTINGS_MAX_CONCURRENT_STREAMS; 100 until its SETTINGS have arrived, as nghttp2
  // assumes, and 2^32-1 when it has set no limit.
  std::uint32_t peer_max_concurrent_streams() const;
  // The peer has acknowledged our SETTINGS.
  bool settings_acknowledged() const;
  // Why the session failed, or null: not yet, or it ended in order. The detail begins with the code
  // that the peer was told, as in "PROTOCOL_ERROR: ..." or just "COMPRESSION_ERROR". Whoever sees
  // finished() asks here, because nothing else reports an error that is known only once its GOAWAY
  // is out. Survives close().
  const Error* failure() const;
  // A GOAWAY has been received, or sent or is about to be: connect() will not work. A client that
  // has used its last stream id (2^30 of them) says GOAWAY by itself.
  bool going_away() const;

 private:
  friend struct SessionInside;  // tests
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::h2
