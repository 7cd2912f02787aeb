// What nghttp2 reports while it reads and writes, turned into events.
#include "h2/impl.hpp"
#include "h2/octets.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace culvert::h2 {
namespace {

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// Whether a RST_STREAM with this code is our answer to a broken rule.
bool blames_peer(std::uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

// Whether this answer of ours takes the request; its first line is always :status.
bool accepts(const nghttp2_headers& headers) {
  return headers.nvlen > 0 && text(headers.nva[0].value, headers.nva[0].valuelen) == "200";
}

constexpr const char* kHeaderBomb = "header list many times beyond the limit";

}  // namespace

// nghttp2 calls C functions; each only finds its Impl.
struct Session::Impl::Callbacks {
  static Impl& impl(void* user) { return *static_cast<Impl*>(user); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
    return impl(user).on_begin_frame(*header);
  }
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return impl(user).on_begin_headers(*frame);
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    return impl(user).on_header(frame->hd.stream_id, text(name, name_size),
                                text(value, value_size));
  }
  static int invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                            std::size_t name_size, const std::uint8_t* value,
                            std::size_t value_size, std::uint8_t, void* user) {
    return impl(user).on_invalid_header(frame->hd.stream_id, text(name, name_size),
                                        text(value, value_size));
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return impl(user).on_frame(*frame);
  }
  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                  std::size_t size, void* user) {
    return impl(user).on_data(id, {data, size});
  }
  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    impl(user).on_stream_close(id, code);
    return 0;
  }
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return impl(user).on_frame_sent(*frame);
  }
  static ssize_t read_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t,
                             std::int32_t, std::uint32_t max_frame, void* user) {
    return static_cast<ssize_t>(std::min(max_frame, impl(user).settings_.max_send_frame));
  }
  static ssize_t read(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    return impl(user).produce(id, {into, size}, *flags);
  }
};

nghttp2_data_provider Session::Impl::provider() { return {{}, Callbacks::read}; }

const nghttp2_session_callbacks* Session::Impl::callbacks() {
  static const nghttp2_session_callbacks* const shared = [] {
    nghttp2_session_callbacks* set = nullptr;
    if (nghttp2_session_callbacks_new(&set) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(set, Callbacks::begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(set, Callbacks::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(set, Callbacks::header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(set, Callbacks::invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(set, Callbacks::frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(set, Callbacks::data);
    nghttp2_session_callbacks_set_on_stream_close_callback(set, Callbacks::stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(set, Callbacks::frame_sent);
    nghttp2_session_callbacks_set_data_source_read_length_callback(set, Callbacks::read_length);
    return set;
  }();
  return shared;
}

int Session::Impl::on_begin_frame(const nghttp2_frame_hd& header) {
  return enforce(limits_.on_frame(header.type, header.flags,
                                  nghttp2_session_get_outbound_queue_size(session_.get()),
                                  streams_.size() + refused_));
}

int Session::Impl::on_begin_headers(const nghttp2_frame& frame) {
  block_.begin(frame.hd.stream_id);
  refusing_ = false;
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  limits_.on_stream();
  refusing_ = ++incoming_ > settings_.max_concurrent_streams;
  return 0;
}

int Session::Impl::on_header(StreamId id, std::string_view name, std::string_view value) {
  if (id != block_.stream()) return 0;  // the stream ended inside its block
  block_.add(name, value);
  return enforce(block_.hopeless() ? kHeaderBomb : nullptr);
}

// nghttp2 has looked at it and goes on as if it were not there.
int Session::Impl::on_invalid_header(StreamId id, std::string_view name, std::string_view value) {
  if (id != block_.stream()) return 0;
  block_.skip(name, value);
  return enforce(block_.hopeless() ? kHeaderBomb : nullptr);
}

int Session::Impl::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (frame.headers.cat == NGHTTP2_HCAT_REQUEST)
        on_request(frame);
      else
        on_response(frame);
      block_.end();
      [[fallthrough]];
    case NGHTTP2_DATA:
      if (ends_stream(frame)) on_remote_end(frame.hd.stream_id);
      return 0;
    case NGHTTP2_RST_STREAM:
      return on_peer_reset(frame.hd.stream_id);
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0)
        settings_acknowledged_ = true;
      else
        on_settings();
      return 0;
    case NGHTTP2_PING:
      return (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 ? on_ping_ack(frame.ping) : 0;
    case NGHTTP2_GOAWAY:
      on_goaway(frame.goaway);
      return 0;
    default:
      return 0;
  }
}

void Session::Impl::on_request(const nghttp2_frame& frame) {
  const auto id = frame.hd.stream_id;
  request_ = id;
  request_handled_ = request_reset_ = false;
  if (refusing_) {
    reset(id, ErrorCode::refused_stream);
  } else if (block_.too_long()) {
    respond(id, 431, {}, true);
  } else {
    const Request request{id,
                          block_.pseudo(":method"),
                          block_.pseudo(":authority"),
                          block_.pseudo(":path"),
                          block_.regular(),
                          ends_stream(frame)};
    auto* const stream = events_.on_request(request);
    if (stream != nullptr) {
      nghttp2_session_set_stream_user_data(session_.get(), id, stream);
      streams_.add(*stream, id, request_reset_ ? std::uint32_t{StreamList::kReset} : 0);
    } else if (!request_handled_) {
      reset(id, ErrorCode::refused_stream);
    }
  }
  request_ = 0;
}

void Session::Impl::on_response(const nghttp2_frame& frame) {
  auto* const stream = attached(frame.hd.stream_id);
  // A second final header section is trailers, which tunnels do not have.
  if (stream == nullptr || StreamList::has(*stream, StreamList::kReset | StreamList::kResponse))
    return;
  if (block_.too_long()) return reset(frame.hd.stream_id, ErrorCode::enhance_your_calm);
  const auto status = block_.status();
  if (role_ != Role::client || status < 200) return;
  StreamList::set(*stream, StreamList::kResponse);
  stream->on_headers(status, block_.regular());
}

int Session::Impl::on_peer_reset(StreamId id) {
  if (role_ == Role::client) return 0;
  const auto* const stream = attached(id);
  const bool answered = stream != nullptr
                            ? StreamList::has(*stream, StreamList::kReset | StreamList::kResponse)
                            : nghttp2_session_get_stream_local_close(session_.get(), id) != 0;
  return answered ? 0 : enforce(limits_.on_unanswered_reset(now_));
}

void Session::Impl::on_answer_sent(const nghttp2_frame& frame, Stream* stream) {
  if (accepts(frame.headers)) limits_.on_accepted();
  if (stream != nullptr) StreamList::set(*stream, StreamList::kResponse);
}

void Session::Impl::on_remote_end(StreamId id) {
  auto* const stream = attached(id);
  if (stream == nullptr || StreamList::has(*stream, StreamList::kReset | StreamList::kRemoteEnd))
    return;
  StreamList::set(*stream, StreamList::kRemoteEnd);
  stream->on_end();
}

int Session::Impl::on_data(StreamId id, Bytes bytes) {
  limits_.on_data_received();
  auto* const stream = attached(id);
  if (stream != nullptr && !StreamList::has(*stream, StreamList::kReset)) stream->on_data(bytes);
  return ++data_ == kDataPerReceive ? NGHTTP2_ERR_PAUSE : 0;
}

void Session::Impl::on_settings() {
  events_.on_settings();
  // What waits for room would wait for ever.
  if (role_ == Role::client && peer_max_concurrent_streams() == 0) refuse_waiting();
}

void Session::Impl::on_stream_close(StreamId id, std::uint32_t code) {
  if (role_ == Role::server) --incoming_;
  if (id == block_.stream()) block_.end();
  auto* const stream = attached(id);
  if (stream == nullptr) return;
  nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
  streams_.close(*stream, static_cast<ErrorCode>(code));
}

int Session::Impl::on_frame_sent(const nghttp2_frame& frame) {
  const auto id = frame.hd.stream_id;
  auto* const stream = attached(id);
  switch (frame.hd.type) {
    case NGHTTP2_DATA:
      limits_.on_data_sent(frame.hd.length);
      if (stream != nullptr && StreamList::has(*stream, StreamList::kAgain) &&
          !StreamList::has(*stream, StreamList::kReset))
        offer(*stream);
      return 0;
    case NGHTTP2_HEADERS:
      if (stream != nullptr) StreamList::clear(*stream, StreamList::kWaiting);
      if (role_ == Role::server) on_answer_sent(frame, stream);
      // A complete answer to a request that is not: nobody wants the rest (RFC 9113 section 8.1).
      if (role_ == Role::server && ends_stream(frame) &&
          nghttp2_session_get_stream_remote_close(session_.get(), id) == 0)
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
      return 0;
    case NGHTTP2_RST_STREAM:
      if (!blames_peer(frame.rst_stream.error_code)) return 0;
      if (stream != nullptr && StreamList::has(*stream, StreamList::kReset)) return 0;
      return enforce(limits_.on_violation());
    case NGHTTP2_GOAWAY:
      on_goaway_sent(frame.goaway);
      return 0;
    default:
      return 0;
  }
}

ssize_t Session::Impl::produce(StreamId id, MutableBytes into, std::uint32_t& flags) {
  auto* const stream = attached(id);
  // An owner is attached to every stream that was given a provider, unless it was reset.
  if (stream == nullptr || StreamList::has(*stream, StreamList::kReset))
    return NGHTTP2_ERR_DEFERRED;
  const auto produced = stream->produce(into);
  if (produced.size > into.size()) {
    std::fputs("h2: produce() wrote beyond its buffer\n", stderr);
    std::abort();
  }
  switch (produced.then) {
    case Produced::Then::end:
      StreamList::set(*stream, StreamList::kLocalEnd);
      flags |= NGHTTP2_DATA_FLAG_EOF;
      break;
    case Produced::Then::blocked:
      if (produced.size == 0) return NGHTTP2_ERR_DEFERRED;
      // The end of this piece of content, not of the stream: a deferred provider would keep 160
      // bytes for as long as the stream is idle.
      StreamList::set(*stream, StreamList::kParked);
      flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      break;
    case Produced::Then::more:
      // Nothing now, though it said so: as good as blocked, and never an empty frame.
      if (produced.size == 0) return NGHTTP2_ERR_DEFERRED;
      break;
  }
  return static_cast<ssize_t>(produced.size);
}

}  // namespace culvert::h2
