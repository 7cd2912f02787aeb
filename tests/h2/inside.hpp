// What tests must see or set inside a session and no owner may.
#pragma once

#include "h2/impl.hpp"

#include <cstddef>

namespace culvert::h2 {

struct SessionInside {
  // The next request of this client gets the id `next`.
  static void set_next_id(Session& session, StreamId next) {
    must(nghttp2_session_set_next_stream_id(session.impl_->session_.get(), next));
  }
  // Bytes that the header block being received occupies.
  static std::size_t held_headers(const Session& session) { return session.impl_->block_.held(); }
};

}  // namespace culvert::h2
