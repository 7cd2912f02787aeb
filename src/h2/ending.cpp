// How a session ends: what GOAWAY says, in both directions.
#include "h2/impl.hpp"
#include "h2/octets.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace culvert::h2 {
namespace {

// How much of a GOAWAY's debug data the owner sees, bytes: a sentence, whatever the peer sends.
constexpr std::size_t kMaxDebug = 128;

}  // namespace

void Session::Impl::shut_down() {
  if (failure_ || closed_ || own_goaway_ || drain_outstanding_) return;
  going_away_ = true;
  // Nobody opens streams towards a client, so there is nothing to wait for.
  if (role_ == Role::client) return send_final_goaway(ErrorCode::no_error);
  drain_outstanding_ = true;
  must(nghttp2_submit_shutdown_notice(session_.get()));
  must(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, octets(kDrainPayload)));
}

void Session::Impl::go_away(ErrorCode code) {
  if (failure_ || closed_) return;
  send_final_goaway(code);
}

void Session::Impl::send_final_goaway(ErrorCode code) {
  if (std::exchange(own_goaway_, true)) return;
  going_away_ = true;
  own_goaway_code_ = code;
  must(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                             nghttp2_session_get_last_proc_stream_id(session_.get()),
                             static_cast<std::uint32_t>(code), nullptr, 0));
}

void Session::Impl::close(ErrorCode code) {
  closed_ = true;
  going_away_ = true;
  pending_ = {};
  while (auto* const stream = streams_.first()) streams_.close(*stream, code);
  session_.reset();  // gives the frame buffer back
}

void Session::Impl::fail_session(ErrorCode code, std::string detail) {
  failure_ = fail(Errc::h2, std::string(to_string(code)) + ": " + std::move(detail));
  failure_code_ = code;
  goaway_due_ = true;
  going_away_ = true;
}

// The frame that tells a peer why, written by hand: a failed nghttp2 session is not to be used.
Bytes Session::Impl::final_goaway() {
  if (!std::exchange(goaway_due_, false)) return {};
  goaway_ = {0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0};
  put32(&goaway_[kFrameHeader],
        static_cast<std::uint32_t>(nghttp2_session_get_last_proc_stream_id(session_.get())));
  put32(&goaway_[kFrameHeader + 4], static_cast<std::uint32_t>(failure_code_));
  return goaway_;
}

void Session::Impl::on_goaway(const nghttp2_goaway& goaway) {
  going_away_ = true;
  std::string debug(text(goaway.opaque_data, std::min(goaway.opaque_data_len, kMaxDebug)));
  std::replace_if(debug.begin(), debug.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  events_.on_goaway(goaway.last_stream_id, static_cast<ErrorCode>(goaway.error_code), debug);
  refuse_waiting();
}

// Requests that are not out, most of them held back by the peer's limit: nghttp2 would drop them
// only once that has room.
void Session::Impl::refuse_waiting() {
  const auto waits = [](const Stream& one) {
    return StreamList::has(one, StreamList::kWaiting) && !StreamList::has(one, StreamList::kReset);
  };
  while (auto* const stream = streams_.find(waits)) {
    must(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id(),
                                   NGHTTP2_REFUSED_STREAM));
    must(nghttp2_session_set_stream_user_data(session_.get(), stream->id(), nullptr));
    ++refused_;
    streams_.close(*stream, ErrorCode::refused_stream);
  }
}

// A GOAWAY with an error that is not the owner's: nghttp2 found an error of the connection, and
// says in the frame which.
void Session::Impl::on_goaway_sent(const nghttp2_goaway& goaway) {
  const auto code = static_cast<ErrorCode>(goaway.error_code);
  if (code == ErrorCode::no_error || (own_goaway_ && code == own_goaway_code_)) return;
  going_away_ = true;
  std::string detail(to_string(code));
  if (goaway.opaque_data_len != 0)
    detail.append(": ").append(text(goaway.opaque_data, goaway.opaque_data_len));
  failure_ = fail(Errc::h2, std::move(detail));
}

}  // namespace culvert::h2
