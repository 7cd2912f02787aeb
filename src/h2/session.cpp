// The public face: nothing here but forwarding, so that no user sees nghttp2.
#include "culvert/h2/session.hpp"

#include "h2/impl.hpp"

namespace culvert::h2 {

Session::Session(Role role, const Settings& settings, SessionEvents& events, FrameBuffer& buffer)
    : impl_(std::make_unique<Impl>(role, settings, events, buffer)) {}
Session::~Session() = default;

Result<Bytes> Session::receive(Bytes plaintext, TimePoint now) {
  return impl_->receive(plaintext, now);
}
Bytes Session::next() { return impl_->next(); }
bool Session::wants_write() const { return impl_->wants_write(); }
bool Session::wants_read() const { return impl_->wants_read(); }

Result<StreamId> Session::connect(std::string_view authority, std::span<const Header> headers,
                                  Stream& stream) {
  return impl_->connect(authority, headers, stream);
}
void Session::respond(StreamId id, int status, std::span<const Header> headers, bool end_stream) {
  impl_->respond(id, status, headers, end_stream);
}

void Session::resume(StreamId id) { impl_->resume(id); }
void Session::consumed(StreamId id, std::size_t size) { impl_->consumed(id, size); }
void Session::reset(StreamId id, ErrorCode code) { impl_->reset(id, code); }
void Session::ping() { impl_->ping(); }
void Session::shut_down() { impl_->shut_down(); }
void Session::go_away(ErrorCode code) { impl_->go_away(code); }
void Session::close(ErrorCode code) { impl_->close(code); }

std::size_t Session::active_streams() const { return impl_->active_streams(); }
std::uint32_t Session::peer_max_concurrent_streams() const {
  return impl_->peer_max_concurrent_streams();
}
bool Session::settings_acknowledged() const { return impl_->settings_acknowledged(); }
const Error* Session::failure() const { return impl_->failure(); }
bool Session::going_away() const { return impl_->going_away(); }

}  // namespace culvert::h2
