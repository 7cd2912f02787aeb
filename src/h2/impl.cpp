#include "h2/impl.hpp"
#include "h2/octets.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace culvert::h2 {
namespace {

constexpr std::string_view kPingPayload = "culvert.";

// The last one of a client (RFC 9113 section 5.1.1).
constexpr StreamId kLastStreamId = 0x7fffffff;

// nghttp2 copies names and values, and does not write to them in spite of the type.
nghttp2_nv line(std::string_view name, std::string_view value) {
  return {const_cast<std::uint8_t*>(octets(name)), const_cast<std::uint8_t*>(octets(value)),
          name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::vector<nghttp2_nv> lines(std::span<const Header> headers,
                              std::initializer_list<Header> first) {
  std::vector<nghttp2_nv> all;
  all.reserve(first.size() + headers.size());
  for (const auto& header : first) all.push_back(line(header.name, header.value));
  for (const auto& header : headers) all.push_back(line(header.name, header.value));
  return all;
}

std::size_t list_size(const std::vector<nghttp2_nv>& all) {
  std::size_t size = 0;
  for (const auto& one : all) size += one.namelen + one.valuelen + 32;
  return size;
}

// One set for the process: nghttp2 copies what it needs of it.
nghttp2_option* options() {
  static nghttp2_option* const shared = [] {
    nghttp2_option* option = nullptr;
    must(nghttp2_option_new(&option));
    nghttp2_option_set_no_auto_window_update(option, 1);
    // Closed streams are kept for priorities only, which tunnels do not use.
    nghttp2_option_set_no_closed_streams(option, 1);
    // Tunnel headers hardly repeat: an encoder table costs memory and wins nothing.
    nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
    nghttp2_option_set_max_outbound_ack(option, kMaxQueuedAcks);
    // It counts every reset, so it would end the tunnel of a busy node whose applications close
    // with RST. Ours counts those that matter.
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    return option;
  }();
  return shared;
}

}  // namespace

void must(int result) {
  if (result >= 0) return;
  std::fprintf(stderr, "h2: nghttp2: %s\n", nghttp2_strerror(result));
  std::abort();
}

Session::Impl::Impl(Role role, const Settings& settings, SessionEvents& events, FrameBuffer& buffer)
    : role_(role),
      settings_(settings),
      events_(events),
      memory_(buffer),
      block_(settings.max_header_list),
      goaway_{} {
  create();
  submit_preface();
}

Session::Impl::~Impl() { close(ErrorCode::cancel); }

// A client's preface is written into the frame buffer when the session is made. The buffer may hold
// bytes of another session that are still to be sent, so they are put back, and the preface is sent
// from a constant.
void Session::Impl::create() {
  std::array<std::uint8_t, 64> saved;
  auto* const frame = memory_.headroom().data() + Memory::kHeadroom;
  std::memcpy(saved.data(), frame, saved.size());
  auto table = memory_.table();
  nghttp2_session* session = nullptr;
  if (role_ == Role::client) {
    must(nghttp2_session_client_new3(&session, callbacks(), this, options(), &table));
    const std::uint8_t* preface = nullptr;
    must(static_cast<int>(nghttp2_session_mem_send(session, &preface)));
    preface_due_ = true;
  } else {
    must(nghttp2_session_server_new3(&session, callbacks(), this, options(), &table));
  }
  session_.reset(session);
  std::memcpy(frame, saved.data(), saved.size());
}

void Session::Impl::submit_preface() {
  std::array<nghttp2_settings_entry, 4> entries{{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, settings_.max_frame_size},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings_.max_header_list},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  // nghttp2 is told more than the peer (see output.cpp): a stream too many is then refused by us,
  // where nghttp2 would end the connection.
  if (role_ == Role::server)
    entries[3] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                  settings_.max_concurrent_streams + kRefusalSlack};
  must(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, entries.data(), entries.size()));
  must(nghttp2_session_set_local_window_size(
      session_.get(), NGHTTP2_FLAG_NONE, 0,
      static_cast<std::int32_t>(settings_.connection_window)));
}

Result<Bytes> Session::Impl::receive(Bytes plaintext, TimePoint now) {
  if (failure_) return *failure_;
  if (closed_ || plaintext.empty()) return Bytes{};
  now_ = now;
  data_ = 0;
  auto taken = nghttp2_session_mem_recv(session_.get(), plaintext.data(), plaintext.size());
  // It paused behind the very last byte: the end of that frame is still to be seen.
  if (data_ == kDataPerReceive && taken == static_cast<ssize_t>(plaintext.size())) {
    const auto end = nghttp2_session_mem_recv(session_.get(), plaintext.data(), 0);
    if (end < 0) taken = end;
  }
  if (taken < 0 && !failure_) {
    const auto flooded = taken == NGHTTP2_ERR_FLOODED;
    fail_session(flooded ? ErrorCode::enhance_your_calm : ErrorCode::protocol_error,
                 nghttp2_strerror(static_cast<int>(taken)));
  }
  if (failure_) return *failure_;
  credit_connection();
  return plaintext.subspan(static_cast<std::size_t>(taken));
}

// All that arrived counts, whatever became of it: padding, and data of streams that are gone.
void Session::Impl::credit_connection() {
  const auto owed = nghttp2_session_get_effective_recv_data_length(session_.get());
  if (owed < static_cast<std::int32_t>(settings_.connection_window / 4) || owed == 0) return;
  must(nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, 0, owed));
}

int Session::Impl::enforce(const char* verdict) {
  if (verdict == nullptr) return 0;
  fail_session(ErrorCode::enhance_your_calm, verdict);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool Session::Impl::wants_write() const {
  if (closed_) return false;
  if (failure_) return goaway_due_;
  return preface_due_ || !pending_.empty() || cancelled_ > 0 ||
         nghttp2_session_want_write(session_.get()) != 0;
}

bool Session::Impl::wants_read() const {
  return !closed_ && !failure_ && nghttp2_session_want_read(session_.get()) != 0;
}

Stream* Session::Impl::attached(StreamId id) const {
  if (id <= 0 || closed_) return nullptr;
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

Result<StreamId> Session::Impl::connect(std::string_view authority, std::span<const Header> headers,
                                        Stream& stream) {
  if (failure_ || closed_ || going_away_)
    return fail(Errc::unavailable, "the connection takes no new streams");
  const auto all = lines(headers, {{":method", "CONNECT"}, {":authority", authority}});
  if (list_size(all) > kMaxSentHeaders) return fail(Errc::limit, "header list beyond 16 KiB");
  const auto content = provider();
  const auto id =
      nghttp2_submit_request(session_.get(), nullptr, all.data(), all.size(), &content, &stream);
  must(id);
  streams_.add(stream, id, StreamList::kWaiting);
  limits_.on_stream();
  // Whoever keeps this session then looks for another one, as if the peer had said it.
  if (id == kLastStreamId) send_final_goaway(ErrorCode::no_error);
  return id;
}

void Session::Impl::respond(StreamId id, int status, std::span<const Header> headers,
                            bool end_stream) {
  if (failure_ || closed_ || role_ != Role::server) return;
  if (nghttp2_session_get_stream_local_close(session_.get(), id) != 0) return;
  if (id == request_) request_handled_ = true;
  const auto text = std::to_string(status);
  const auto all = lines(headers, {{":status", text}});
  if (list_size(all) > kMaxSentHeaders) return reset(id, ErrorCode::internal_error);
  const auto content = provider();
  must(nghttp2_submit_response(session_.get(), id, all.data(), all.size(),
                               end_stream ? nullptr : &content));
}

void Session::Impl::resume(StreamId id) {
  auto* const stream = attached(id);
  if (stream == nullptr || failure_) return;
  if (StreamList::has(*stream, StreamList::kParked))
    offer(*stream);
  else
    nghttp2_session_resume_data(session_.get(), id);  // an error says that it was not deferred
}

void Session::Impl::consumed(StreamId id, std::size_t size) {
  auto* const stream = attached(id);
  if (stream == nullptr || failure_) return;
  // No window is needed for what will not come any more.
  if (StreamList::has(*stream, StreamList::kRemoteEnd | StreamList::kReset)) return;
  must(nghttp2_session_consume_stream(session_.get(), id, size));
}

void Session::Impl::reset(StreamId id, ErrorCode code) {
  if (failure_ || closed_ || id <= 0) return;
  if (id == request_) request_handled_ = request_reset_ = true;
  auto* stream = attached(id);
  if (stream == nullptr) stream = streams_.find([id](const Stream& one) { return one.id() == id; });
  if (stream != nullptr) {
    if (StreamList::has(*stream, StreamList::kReset)) return;
    StreamList::set(*stream, StreamList::kReset);
  } else if (id != request_) {
    return;
  }
  must(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id,
                                 static_cast<std::uint32_t>(code)));
  if (stream == nullptr || !StreamList::has(*stream, StreamList::kWaiting)) return;
  // The request stays in nghttp2's queue until the peer's limit lets it be dropped; its owner need
  // not wait for that.
  must(nghttp2_session_set_stream_user_data(session_.get(), id, nullptr));
  StreamList::set(*stream, StreamList::kCancelled);
  ++cancelled_;
}

void Session::Impl::ping() {
  if (failure_ || closed_ || ping_outstanding_) return;
  ping_outstanding_ = true;
  must(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, octets(kPingPayload)));
}

int Session::Impl::on_ping_ack(const nghttp2_ping& ping) {
  const std::string_view payload(reinterpret_cast<const char*>(ping.opaque_data),
                                 sizeof ping.opaque_data);
  if (payload == kPingPayload && std::exchange(ping_outstanding_, false)) {
    events_.on_ping_ack();
    return 0;
  }
  if (payload == kDrainPayload && std::exchange(drain_outstanding_, false)) {
    if (!own_goaway_) send_final_goaway(ErrorCode::no_error);
    return 0;
  }
  return enforce(limits_.on_idle_frame());
}

std::uint32_t Session::Impl::peer_max_concurrent_streams() const {
  if (closed_) return 0;
  return nghttp2_session_get_remote_settings(session_.get(),
                                             NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace culvert::h2
