// What a session tells its owner. Owners implement these two interfaces; the session never
// allocates for an event.
//
// Every Session method except receive(), next(), close() and the destructor may be called from
// inside any of these functions.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/h2/types.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace culvert::h2 {

// The answer of Stream::produce.
struct Produced {
  enum class Then : std::uint8_t {
    more,     // there may be more: ask again when the window allows
    blocked,  // nothing further until Session::resume(); with size 0 no frame is sent
    end,      // these are the last bytes: END_STREAM goes out with them (size 0 is fine)
  };
  std::size_t size = 0;
  Then then = Then::blocked;
};

// One CONNECT stream as seen by its owner. The owner keeps it alive until on_close, which is called
// exactly once for every stream that was attached to a session, at the latest by close() or by the
// session's destructor. 24 bytes beside the virtual pointer belong to the session.
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Session asks for up to into.size() bytes (at least 1) to be written straight into the frame.
  // Called from next() only, and only while both windows have room. `into` is exactly what may be
  // sent now, so filling it is never wrong. Never called again after `end`, nor after
  // Session::reset(), which may be called from inside: then answer with size 0 and blocked.
  virtual Produced produce(MutableBytes into) = 0;
  // Client: the final response (not 1xx, not trailers). `headers` without :status. Server: never.
  virtual void on_headers(int status, std::span<const Header> headers) = 0;
  // Bytes arrived, at least one; valid during the call. Give their window back with
  // Session::consumed() once they are delivered.
  virtual void on_data(Bytes bytes) = 0;
  // The peer has sent END_STREAM: no further on_data. The other direction stays open. Comes also
  // after on_request and on_headers when those carried END_STREAM.
  virtual void on_end() = 0;
  // Last event: the stream is gone, its id means nothing any more and the session does not touch
  // the object again, so it may delete itself here. `no_error` when both directions ended in order;
  // otherwise the code of the RST_STREAM sent or received, cancel for a request
  // that was reset before it went out, refused_stream for streams that the
  // peer's GOAWAY left out (safe to repeat elsewhere), or what close() was called with.
  virtual void on_close(ErrorCode code) = 0;

  // The id while attached, 0 before and in on_close.
  StreamId id() const { return id_; }

 private:
  friend class StreamList;
  Stream* next_ = nullptr;  // the session's list of attached streams
  Stream* previous_ = nullptr;
  StreamId id_ = 0;
  std::uint32_t flags_ = 0;
};

// A request as a server sees it; views are valid during on_request only.
struct Request {
  StreamId id = 0;
  std::string_view method;          // "CONNECT" for tunnels; others are delivered too
  std::string_view authority;       // :authority, may be empty for other methods
  std::string_view path;            // :path, empty for CONNECT
  std::span<const Header> headers;  // without the pseudo-headers, in order of arrival
  bool end_stream = false;          // the request has no content
};

// Events of the connection. Outlives the session.
class SessionEvents {
 public:
  // Server: a request arrived. Returns the stream to attach (answer now or later with
  // Session::respond), or null: then either Session::respond(id, status, headers, true) or
  // Session::reset(id, code) was called from inside, or the stream is reset with REFUSED_STREAM.
  virtual Stream* on_request(const Request& request) = 0;
  // The peer will take no new streams; streams of ours above `last_id`, and requests that
  // are not out, are closed with refused_stream right behind this. May come twice (graceful: first
  // with 2^31-1). `debug` is what the peer said about it, for logs: empty as a rule, at most 128
  // bytes, '?' for whatever is not printable ASCII; valid during the call.
  virtual void on_goaway(StreamId last_id, ErrorCode code, std::string_view debug) = 0;
  // The answer to ping().
  virtual void on_ping_ack() = 0;
  // The peer's SETTINGS arrived (again): see Session::peer_max_concurrent_streams().
  virtual void on_settings() = 0;

 protected:
  ~SessionEvents() = default;
};

}  // namespace culvert::h2
