// What stands behind Session: the nghttp2 session, the streams attached to it, and the counters of
// abuse. One class in four files: impl.cpp (set-up and what the owner asks for), callbacks.cpp
// (what nghttp2 reports), output.cpp (what goes out), ending.cpp (how it ends).
//
// nghttp2 forbids mem_recv, mem_send and del inside its callbacks and allows everything else, so
// owners may call every method but receive(), next() and close() from inside an event.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/h2/session.hpp"
#include "h2/header_block.hpp"
#include "h2/limits.hpp"
#include "h2/memory.hpp"
#include "h2/stream_list.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace culvert::h2 {

// What the PING behind a notice of shutting down carries.
constexpr std::string_view kDrainPayload = "culvert!";

// Ends the process on an error of nghttp2 that cannot be met: out of memory, or a call that it
// refuses in a state where we never make it.
void must(int result);

class Session::Impl {
 public:
  Impl(Role role, const Settings& settings, SessionEvents& events, FrameBuffer& buffer);
  ~Impl();

  // See Session for these.
  Result<Bytes> receive(Bytes plaintext, TimePoint now);
  Bytes next();
  bool wants_write() const;
  bool wants_read() const;
  Result<StreamId> connect(std::string_view authority, std::span<const Header> headers,
                           Stream& stream);
  void respond(StreamId id, int status, std::span<const Header> headers, bool end_stream);
  void resume(StreamId id);
  void consumed(StreamId id, std::size_t size);
  void reset(StreamId id, ErrorCode code);
  void ping();
  void shut_down();
  void go_away(ErrorCode code);
  void close(ErrorCode code);
  std::size_t active_streams() const { return streams_.size(); }
  std::uint32_t peer_max_concurrent_streams() const;
  bool settings_acknowledged() const { return settings_acknowledged_; }
  const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  bool going_away() const { return going_away_; }

 private:
  friend struct SessionInside;
  struct Callbacks;  // the C functions
  struct Delete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  static const nghttp2_session_callbacks* callbacks();
  static nghttp2_data_provider provider();
  void create();
  void submit_preface();
  // Ends the session from inside a callback, for what Limits said; 0 when it said nothing.
  int enforce(const char* verdict);
  Stream* attached(StreamId id) const;
  void credit_connection();

  // callbacks.cpp; those that return int: 0 or an nghttp2 error
  int on_begin_frame(const nghttp2_frame_hd& header);
  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(StreamId id, std::string_view name, std::string_view value);
  int on_invalid_header(StreamId id, std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  void on_request(const nghttp2_frame& frame);
  void on_response(const nghttp2_frame& frame);
  void on_remote_end(StreamId id);
  int on_peer_reset(StreamId id);
  void on_answer_sent(const nghttp2_frame& frame, Stream* stream);
  int on_ping_ack(const nghttp2_ping& ping);
  int on_data(StreamId id, Bytes bytes);
  void on_settings();
  void on_stream_close(StreamId id, std::uint32_t code);
  int on_frame_sent(const nghttp2_frame& frame);
  ssize_t produce(StreamId id, MutableBytes into, std::uint32_t& flags);

  // output.cpp
  Bytes take_frame();
  Bytes gather();
  void offer(Stream& stream);
  void close_cancelled();

  // ending.cpp
  void fail_session(ErrorCode code, std::string detail);
  void send_final_goaway(ErrorCode code);
  Bytes final_goaway();
  void on_goaway(const nghttp2_goaway& goaway);
  void refuse_waiting();
  void on_goaway_sent(const nghttp2_goaway& goaway);

  // constant after construction
  const Role role_;
  const Settings settings_;
  SessionEvents& events_;

  Memory memory_;  // outlives session_
  std::unique_ptr<nghttp2_session, Delete> session_;
  StreamList streams_;
  HeaderBlock block_;
  Limits limits_;
  TimePoint now_{};                      // of receive()
  Bytes pending_;                        // a frame that next() has taken and not returned
  std::array<std::uint8_t, 17> goaway_;  // the frame that says why, once failure_ is set
  std::optional<Error> failure_;
  ErrorCode failure_code_ = ErrorCode::no_error;
  ErrorCode own_goaway_code_ = ErrorCode::no_error;

  std::uint32_t data_ = 0;        // pieces of DATA in this receive()
  std::uint32_t incoming_ = 0;    // streams opened by the peer and not gone
  StreamId request_ = 0;          // while on_request runs: its stream
  std::uint32_t cancelled_ = 0;   // attached streams with kCancelled
  std::uint32_t refused_ = 0;     // by refuse_waiting(); nghttp2 may still have them in its queue
  bool request_handled_ = false;  // on_request called respond() or reset() for request_
  bool request_reset_ = false;
  bool refusing_ = false;  // the block being received is beyond max_concurrent_streams
  bool preface_due_ = false;
  bool first_frame_ = true;
  bool goaway_due_ = false;  // goaway_ is still to be sent
  bool ping_outstanding_ = false;
  bool drain_outstanding_ = false;
  bool settings_acknowledged_ = false;
  bool going_away_ = false;
  bool own_goaway_ = false;
  bool closed_ = false;
};

}  // namespace culvert::h2
