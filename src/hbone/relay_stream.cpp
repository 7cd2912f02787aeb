// The opening and the ending of a relay's CONNECT stream.
#include "culvert/hbone/metadata.hpp"
#include "culvert/hbone/relay.hpp"
#include "culvert/net/socket.hpp"

namespace culvert::hbone {

namespace {

// Resets by which a peer says "done" rather than "wrong" (the reference ztunnel drops streams so).
bool is_plain_end(h2::ErrorCode code) {
  return code == h2::ErrorCode::no_error || code == h2::ErrorCode::cancel;
}

}  // namespace

Result<void> Relay::request(Tunnel& tunnel, std::string_view authority,
                            std::span<const h2::Header> headers) {
  if (std::exchange(refused_, false)) {
    stream_closed_ = peer_ended_ = false;
    error_.reset();
  }
  tunnel_ = &tunnel;
  auto id = tunnel.session().connect(authority, headers, *this);
  if (!id) {
    tunnel_ = nullptr;
    return id.error();
  }
  tunnel.kick();
  return {};
}

net::Async<Result<Response>> Relay::response(TimePoint deadline) {
  if (stream_closed_) co_return fail(Errc::reset, "the peer closed the stream before answering");
  net::OneShot<Result<Response>> shot(worker_);
  net::Timer timer([&shot] { shot.set(fail(Errc::timed_out, "no answer to CONNECT in time")); });
  timer.arm(worker_.timers(), deadline);
  answer_ = &shot;
  auto result = co_await shot.wait();
  answer_ = nullptr;
  co_return result;
}

void Relay::on_headers(int status, std::span<const h2::Header> headers) {
  Response response;
  response.status = status;
  if (status == 200) response.baggage = joined_header(headers, "baggage");
  if (answer_ != nullptr) answer_->set(std::move(response));
}

bool Relay::refuse(int status) {
  if (tunnel_ == nullptr) return false;
  give_up();
  tunnel_->session().respond(id(), status, {}, true);
  tunnel_->kick();
  return true;
}

bool Relay::abandon() {
  if (tunnel_ == nullptr) return false;
  give_up();
  tunnel_->session().reset(id(), h2::ErrorCode::cancel);
  tunnel_->kick();
  return true;
}

// Nothing will be joined: the end of the stream is the end of the relay.
void Relay::give_up() {
  started_ = true;
  app_broken_ = true;
  kept_.reset();
}

void Relay::accept(std::span<const h2::Header> headers) {
  if (tunnel_ != nullptr) tunnel_->session().respond(id(), 200, headers, false);
}

void Relay::on_close(h2::ErrorCode code) {
  const Error* const lost = tunnel_ != nullptr ? tunnel_->why_lost() : nullptr;
  stream_closed_ = true;
  refused_ = answer_ != nullptr && !answer_->is_set() && lost == nullptr &&
             code == h2::ErrorCode::refused_stream;
  if (refused_) tunnel_->learn_stream_limit();
  note_end(code, lost);
  tunnel_ = nullptr;
  if (answer_ != nullptr) {
    answer_->set(error_ ? *error_
                        : fail(Errc::reset, "the peer closed the stream before answering"));
  }
  const bool had_ended = std::exchange(peer_ended_, true);
  if (!started_) {
    owner_.on_stream_gone();
    return;
  }
  if (!had_ended && !kept_) end_app_writing();  // else once what came is delivered
  ignore_app();
  maybe_finish();
}

// What the application is to hear, and whether it is worth a word in the log.
void Relay::note_end(h2::ErrorCode code, const Error* lost) {
  if (error_ || (lost == nullptr && is_plain_end(code))) return;
  if (lost == nullptr && code == h2::ErrorCode::connect_error) {
    peer_reset_ = true;  // the other application's connection broke: normal traffic
    return;
  }
  // Once bytes flow it is a broken connection like any other, not a failure to open one.
  error_ = std::make_unique<Error>(
      answer_ != nullptr ? Errc::h2 : Errc::reset,
      lost != nullptr ? "the tunnel was lost: " + lost->detail
                      : "the tunnel stream ended with " + std::string(h2::to_string(code)));
}

void Relay::cut(Error reason) {
  if (ended_) return;
  if (!error_) error_ = std::make_unique<Error>(std::move(reason));
  if (app_) net::reset_on_close(app_.get());
  app_broken_ = true;
  kept_.reset();
  if (tunnel_ == nullptr) {
    maybe_finish();
    return;
  }
  tunnel_->session().reset(id(), h2::ErrorCode::internal_error);
  tunnel_->kick();
}

}  // namespace culvert::hbone
